"""The server around the WebSockets: silence, floods, TLS, descriptors, leaks and signals, with real sockets."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time

import psutil
import pytest
from websockets.sync.client import connect

from holdfast.protocol.frames import OPCODE_TEXT
from holdfast.server.http import HandoverProtocol
from holdfast.settings import Settings
from holdfast.transports.handover import WebSocketTransport
from tests.certificates import write_certificate
from tests.conformance.application import PATHS
from tests.parts import ROOT
from tests.serving import LOOPS, RawClient, close_frame, serving
from tests.sockets import client_frame, upgrade_request

QUICK = Settings(port=0, http={"request_timeout": 0.5}, websocket={"close_timeout": 0.5})


def body_of(answer):
    """Return status and slug of an HTTP refusal."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)["slug"]


@pytest.fixture(scope="module", params=LOOPS)
def quick(request):
    """A handed-over echo with short timeouts."""
    with serving("handover", request.param, QUICK) as server:
        yield server


def test_a_thousand_silent_sockets_are_closed(quick):
    """Each is told 408 after the request timeout, and meanwhile costs no work."""
    clients = [RawClient(quick.port) for _ in range(1000)]
    for client in clients[:300]:
        client.send(b"GET / HTTP/1.1\r\nHost: half a handshake, then silence")

    answers = [client.read_to_end() for client in clients]
    for client in clients:
        client.socket.close()

    assert {body_of(answer) for answer in answers} == {(408, "request_timeout")}
    deadline = time.monotonic() + 5
    while quick.server.server_state.connections and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not quick.server.server_state.connections


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (
            b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % number for number in range(200)) + b"\r\n",
            (431, "headers_too_large"),
        ),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * 200_000, (431, "headers_too_large")),
        (b"GET /" + b"y" * 200_000, (414, "url_too_long")),
        (b"\x00" * 1000, (400, "bad_http")),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", (400, "bad_http")),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, "bad_http")),
        (upgrade_request(without="Host"), (400, "bad_handshake")),
        (upgrade_request(without="Sec-WebSocket-Version"), (426, "upgrade_required")),
        (upgrade_request("/nowhere"), (404, "not_found")),
    ],
)
def test_bytes_that_are_no_handshake_are_refused_by_name(quick, request_bytes, expected):
    """The client reads its answer even while it is still sending, then the socket closes."""
    with RawClient(quick.port) as client:
        client.send(request_bytes)

        assert body_of(client.read_to_end()) == expected


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("loop", LOOPS)
def test_tls_carries_websockets_and_takes_new_certificates(path, loop, tmp_path):
    """Wss works on both paths, also for long messages; a changed file is served to the next connection."""
    cert, key = write_certificate(tmp_path)
    tls = {"cert_file": cert, "key_file": key, "reload_interval": 3600}
    trust = ssl.create_default_context(cafile=str(cert))
    with serving(path, loop, Settings(port=0, tls=tls)) as server:
        url = f"wss://127.0.0.1:{server.port}/"
        with connect(url, ssl=trust, compression=None) as client:
            for message in ("hi", "x" * 65536, b"\x00" * 60000):
                client.send(message)
                assert client.recv(timeout=10) == message
            client.close(4000, "bye")
        before = ssl.get_server_certificate(("127.0.0.1", server.port))
        write_certificate(tmp_path)
        os.utime(cert, (1, 1))
        server.call(server.server._reload)
        after = ssl.get_server_certificate(("127.0.0.1", server.port))

    assert before != after


def test_tls_violation_is_told(tmp_path):
    """The close frame of a violation arrives over TLS too."""
    cert, key = write_certificate(tmp_path)
    trust = ssl.create_default_context(cafile=str(cert))
    settings = Settings(port=0, tls={"cert_file": cert, "key_file": key})
    with serving("handover", "uvloop", settings) as server, RawClient(server.port) as client:
        client.socket = trust.wrap_socket(client.socket, server_hostname="127.0.0.1")
        client.open()
        client.send(client_frame(OPCODE_TEXT, b"\xff"))

        assert client.read(4 + len("invalid_utf8")) == close_frame(1007, "invalid_utf8")


@pytest.mark.parametrize("loop", LOOPS)
def test_hundreds_of_connections_leave_nothing_behind(loop):
    """After they are gone there is no transport, no HTTP object and no task, however they ended."""
    gc.collect()  # what tests before this one left is not meant
    with serving("handover", loop, QUICK) as server:
        tasks = server.call(lambda: len(asyncio.all_tasks()))
        clients = [RawClient(server.port).open() for _ in range(300)]

        assert server.call(lambda: len(asyncio.all_tasks())) == tasks
        assert not server.server.server_state.connections
        assert not [one for one in gc.get_objects() if type(one) is HandoverProtocol]
        for number, client in enumerate(clients):
            if number % 3 == 0:
                client.send(client_frame(0x8, b"\x03\xe8"))
            elif number % 3 == 1:
                client.send(b"\xff\xff")
            client.socket.close()
        deadline = time.monotonic() + 5
        while not all(sink.ends for sink in server.sinks) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert all(len(sink.ends) == 1 for sink in server.sinks)
        server.sinks.clear()
        time.sleep(0.05)
        server.call(gc.collect)

        assert not [one for one in gc.get_objects() if type(one) is WebSocketTransport]
        assert server.call(lambda: len(asyncio.all_tasks())) == tasks


class Process:
    """The conformance application in a process of its own."""

    def __init__(self, path, limit=None):
        command = [sys.executable, "-m", "tests.conformance.application", path]
        if limit is not None:
            command = ["/bin/sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *command]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.port = int(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("path", PATHS)
def test_signal_stops_with_exit_code_0(path, number):
    """The signal is not raised again, and open connections do not hold the process for long."""
    with Process(path) as served, RawClient(served.port).open():
        served.process.send_signal(number)
        time.sleep(0.1)
        if path == "asgi":  # its connections are tasks, which get the shutdown's 10 s unless somebody is in a hurry
            served.process.send_signal(number)

        assert served.process.wait(10) == 0


def test_used_up_descriptors_do_not_spin_or_deafen_the_server():
    """With no descriptor left the server idles, and serves again when there are some."""
    with Process("handover", limit=64) as served:
        crowd = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(120)]
        time.sleep(0.3)
        process = psutil.Process(served.process.pid)
        before = process.cpu_times()
        time.sleep(1)
        after = process.cpu_times()
        for one in crowd:
            one.close()
        time.sleep(0.2)

        assert (after.user + after.system) - (before.user + before.system) < 0.2
        with RawClient(served.port).open() as client:
            client.send(client_frame(OPCODE_TEXT, b"hi"))
            assert client.read(4) == b"\x81\x02hi"
