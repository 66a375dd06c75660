"""Socket options as the kernel has them on accepted connections, and what the user timeout ends and does not end."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certificates import write_certificate
from tests.gateway import ADMIN_TOKEN, Gateway, running
from tests.raw_client import RawClient
from tests.sockets import client_frame, upgrade_request

_PIDFD_GETFD = 438  # pidfd_getfd(2), the same number on every architecture
NOTSENT_LOWAT = 25
DEFAULTS = {
    (socket.IPPROTO_TCP, socket.TCP_NODELAY): 1,
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): 300,
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): 10,
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 5,
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT): 30000,
    (socket.IPPROTO_TCP, NOTSENT_LOWAT): 131072,
}


def accepted_options(gateway: Gateway, client: socket.socket) -> dict[tuple[int, int], int]:
    """Return the options of the gateway's end of a connection, read from a copy of its descriptor."""
    wanted, deadline = client.getsockname()[:2], time.monotonic() + 15
    while time.monotonic() < deadline:
        for descriptor in os.listdir(f"/proc/{gateway.pid}/fd"):
            copy = _copied(gateway.pid, int(descriptor))
            if copy is None:
                continue
            with copy:
                if copy.family == socket.AF_INET and _peer(copy) == wanted:
                    return {key: copy.getsockopt(*key) for key in DEFAULTS}
        time.sleep(0.05)
    raise AssertionError("the gateway has no such connection")


def _copied(pid: int, descriptor: int) -> socket.socket | None:
    watch = os.pidfd_open(pid)
    try:
        found = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, watch, descriptor, 0)
    finally:
        os.close(watch)
    if found < 0:
        if ctypes.get_errno() == 1:
            pytest.skip("this user may not look into another process")
        return None
    try:
        return socket.socket(fileno=found)
    except OSError:
        os.close(found)
        return None


def _peer(copy: socket.socket) -> object:
    try:
        return copy.getpeername()[:2]
    except OSError:
        return None


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("scheme", ["plain", "tls"])
def test_accepted_connection_has_what_was_asked(tmp_path: Path, loop: str, scheme: str) -> None:
    """Whatever the loop, with TLS and without: the numbers of the profile are on the socket itself."""
    prefix: tuple[str, ...] = ()
    if loop == "asyncio":
        (tmp_path / "uvloop.py").write_text("raise ImportError('not here')\n")
        prefix = ("env", f"PYTHONPATH={tmp_path}")
    settings = {}
    if scheme == "tls":
        cert, key = write_certificate(tmp_path)
        settings = {"tls": {"cert_file": str(cert), "key_file": str(key)}}
    with running(tmp_path, settings, prefix=prefix) as gateway:
        assert gateway.wait_for_event("started")["loop"] == loop
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=15) as client:
            if scheme == "tls":
                context = ssl.create_default_context()
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                with context.wrap_socket(client) as wrapped:
                    assert accepted_options(gateway, wrapped) == DEFAULTS
            else:
                assert accepted_options(gateway, client) == DEFAULTS


def test_granted_options_are_told(gateway: Gateway) -> None:
    """By log, metrics, `/admin/resources` and `holdfast diagnose resources`."""
    line = gateway.wait_for_event("listening")["sockets"]
    told = _admin(gateway, "/admin/resources")["socket_options"]
    diagnosis = _admin(gateway, "/admin/diagnostics/resources")

    assert (line["user_timeout_seconds"], line["notsent_lowat_bytes"]) == (30, 131072)
    assert gateway.metric("holdfast_socket_option", option="keepalive_idle_seconds") == 300
    assert told["nodelay"] == {"asked": 1, "granted": 1}
    assert diagnosis["facts"]["socket_options"] == told
    assert [one["severity"] for one in diagnosis["findings"] if one["check"] == "socket_options"] == ["ok"]


def test_option_that_the_kernel_refuses_is_named_once(start_gateway: Callable[..., Gateway]) -> None:
    """A congestion control that this host does not have costs a line in the log, not the start."""
    gateway = start_gateway({"http": {"sockets": {"congestion": "no_such_one"}}, "internal_port": 0})
    diagnosis = _admin(gateway, "/admin/diagnostics/resources")

    assert gateway.wait_for_event("socket_option_refused")["option"] == "congestion"
    assert len(gateway.events("socket_option_refused")) == 1
    assert gateway.metric("holdfast_socket_option_refused", option="congestion") == 1
    assert [one["severity"] for one in diagnosis["findings"] if one["check"] == "socket_options"] == ["warning"]


def test_user_timeout_leaves_idle_connections_alone(start_gateway: Callable[..., Gateway]) -> None:
    """Who has nothing to say, and is told nothing, stays for many times that long."""
    gateway = start_gateway({"http": {"sockets": {"user_timeout": 1, "keepalive_idle": 1, "keepalive_interval": 1}}})
    with RawClient(gateway) as client:
        client.subscribe("idle")
        time.sleep(6)
        gateway.call("publish", channel="idle", data={"n": 1})

        assert client.publications(1) == [{"n": 1}]


def test_reader_that_stops_is_first_a_slow_consumer(start_gateway: Callable[..., Gateway]) -> None:
    """While enough is said to fill its queue, our own rule ends it and says so."""
    gateway = start_gateway({"http": {"sockets": {"user_timeout": 20}}, "client": {"queue_max_size": 65536}})
    with _stopped_reader(gateway, "flood"):
        for _ in range(200):
            gateway.call("publish", channel="flood", data="x" * 50000)
            if gateway.events("connection_closed"):
                break

        assert gateway.wait_for_event("connection_closed")["slug"] == "slow_consumer"


def test_reader_that_stops_for_longer_than_the_user_timeout_is_ended_by_name(
    start_gateway: Callable[..., Gateway],
) -> None:
    """A window that stays shut: the kernel ends it, and the end has a cause of its own, not the one of a hang-up."""
    # Pings are far apart: else the missing pong would be seen first.
    gateway = start_gateway({"http": {"sockets": {"user_timeout": 2}}, "client": {"ping_interval": 600}})
    with _stopped_reader(gateway, "trickle"):
        for _ in range(10):
            gateway.call("publish", channel="trickle", data="x" * 50000)

        line = gateway.wait_for_event("connection_closed")
        assert (line["slug"], line["initiator"], line["code"]) == ("ack_timeout", "path", 1006)


def _admin(gateway: Gateway, path: str) -> dict[str, object]:
    command = ["curl", "-fsS", "-H", f"Authorization: Bearer {ADMIN_TOKEN}", gateway.internal_url + path]
    return dict(json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout))


def _stopped_reader(gateway: Gateway, channel: str) -> socket.socket:
    """Return a client that subscribed, has next to no room, and reads no more."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.settimeout(15)
    client.connect(("127.0.0.1", gateway.port))
    client.sendall(upgrade_request("/connection/websocket"))
    commands = [{"id": 1, "connect": {"token": gateway.token()}}, {"id": 2, "subscribe": {"channel": channel}}]
    client.sendall(client_frame(1, "\n".join(json.dumps(one) for one in commands).encode()))
    seen = b""
    while b'"id":2' not in seen:
        seen += client.recv(4096)
    return client
