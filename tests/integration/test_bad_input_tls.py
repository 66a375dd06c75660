"""Any bytes on the TLS port and on the internal port end like those on a plain public one: closed, named, forgotten."""

from __future__ import annotations

import os
import random
import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.certificates import write_certificate
from tests.gateway import Gateway, running
from tests.sockets import upgrade_request
from tests.wire import Wire, eventually

MIB = 1024 * 1024
COUNT = 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the files of a certificate and its key."""
    return write_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[Gateway]:
    """A gateway that speaks TLS on its public port and has an internal one."""
    settings = {
        "tls": {"cert_file": str(certificate[0]), "key_file": str(certificate[1])},
        "http": {"request_timeout": 1.0},
        "client": {"handshake_timeout": 1.0},
        "internal_port": 0,
    }
    with running(tmp_path_factory.mktemp("victim"), settings) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def unharmed(victim: Gateway, certificate: tuple[Path, Path]) -> Iterator[None]:
    """Afterwards the gateway still speaks TLS, holds no socket, wrote no traceback and has not grown."""
    process = psutil.Process(victim.pid)
    with secured(victim, certificate):
        pass
    logged, resident, descriptors = len(victim.log()), process.memory_info().rss, process.num_fds()

    yield

    with secured(victim, certificate) as channel:
        channel.sendall(upgrade_request("/connection/websocket"))
        assert channel.recv(100).startswith(b"HTTP/1.1 101")
    eventually(lambda: process.num_fds() <= descriptors + 2)
    new = victim.log()[logged:]
    assert "Traceback" not in new
    assert '"level": "error"' not in new
    assert process.memory_info().rss < resident + 64 * MIB


def secured(victim: Gateway, certificate: tuple[Path, Path]) -> ssl.SSLSocket:
    """Return a TLS connection."""
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    trust.check_hostname = False
    plain = socket.create_connection(("127.0.0.1", victim.port), 10)
    return trust.wrap_socket(plain, server_hostname="localhost")


HELLOS = {
    "plain HTTP": b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
    "a plain handshake": upgrade_request("/connection/websocket"),
    "zeros": bytes(5000),
    "a record that is too long": b"\x16\x03\x01\xff\xff" + bytes(70000),
    "a hello of nothing": b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
    "noise": random.Random(3).randbytes(5000),
}


@pytest.mark.parametrize("hello", HELLOS.values(), ids=HELLOS)
def test_what_is_no_tls_is_cut_off(victim: Gateway, hello: bytes):
    """The socket is closed, with an alert at most."""
    with Wire(victim.port) as wire:
        wire.send_until_refused(hello, len(hello))

        assert len(wire.read_to_end()) < 100


@pytest.mark.parametrize(
    "half", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], ids=["nothing", "half a hello"]
)
def test_sockets_silent_in_the_tls_handshake_are_closed(victim: Gateway, half: bytes):
    """The request timeout begins with the socket, not with the end of the TLS handshake."""
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(victim.port)) for _ in range(COUNT)]
        for wire in wires:
            wire.send(half)

        assert max(len(wire.read_to_end()) for wire in wires) < 100


def test_sockets_silent_after_the_tls_handshake_are_answered(victim: Gateway, certificate: tuple[Path, Path]):
    """As on a plain port, silence is 408."""
    with ExitStack() as stack:
        channels = [stack.enter_context(secured(victim, certificate)) for _ in range(50)]

        assert {channel.recv(100)[:12] for channel in channels} == {b"HTTP/1.1 408"}


def test_corrupted_records_and_resets_are_forgotten(victim: Gateway, certificate: tuple[Path, Path]):
    """Garbage under an established session, and a reset in its middle, end that session alone."""
    for ends_with_reset in (False, True):
        for _ in range(20):
            channel = secured(victim, certificate)
            channel.sendall(upgrade_request("/connection/websocket"))
            channel.recv(1000)
            plain = socket.socket(fileno=os.dup(channel.fileno()))
            with channel, plain:
                if ends_with_reset:
                    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                else:
                    plain.sendall(b"\x17\x03\x03\x00\x20" + os.urandom(32))
                    plain.settimeout(10)
                    while plain.recv(1000):
                        pass


@pytest.mark.parametrize(
    ("request_", "status", "slug"),
    [
        (random.Random(4).randbytes(3000), 400, "bad_http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(300), 400, "bad_http"),
        (b"GET / HTTP/1.1\r\nCookie: " + b"c" * 200_000, 431, "headers_too_large"),
        (upgrade_request("/connection/websocket"), 404, "not_found"),
        (b"", 408, "request_timeout"),
    ],
    ids=["noise", "TLS", "endless header", "handshake", "silence"],
)
def test_internal_port_is_as_strict(victim: Gateway, request_: bytes, status: int, slug: str):
    """Where operators call, wrong bytes get the same answers; clients have nothing to seek there."""
    with Wire(victim.internal_port) as wire:
        wire.send_until_refused(request_, len(request_))

        assert wire.read_refusal() == (status, slug)
