"""However connections come and go, on every path to one: in the end nobody is counted any more."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.sockets import client_close, client_frame, upgrade_request
from tests.streams import GatewayOnPath, gateway_on, token
from tests.wire import eventually

SETTINGS = {
    "admission": {"max_connections": 25, "max_connections_per_address": 2},
    "client": {"handshake_timeout": "1s", "user_connection_limit": 6, "ping_interval": "1s", "pong_timeout": "500ms"},
    "http": {"trusted_proxies": ["127.0.0.1"], "request_timeout": "1s"},
    "poll": {"timeout": "500ms", "idle_timeout": "500ms", "end_grace": "500ms"},
    "websocket": {"close_timeout": 0.5},
    "log": {"level": "error"},
}
CASES = [("handover", "uvloop"), ("handover", "asyncio"), ("asgi", "uvloop"), ("uvicorn", "asyncio")]
ADDRESSES = ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "nonsense")
CIDS = tuple(os.urandom(16).hex() for _ in range(4))
ENDS = ("fin", "reset", "half", "silence", "frame")


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def server(request: pytest.FixtureRequest) -> Iterator[GatewayOnPath]:
    """A gateway on each path."""
    path, loop = request.param
    with gateway_on(path, loop, SETTINGS) as started:
        yield started


class Stranger:
    """A socket that says something, perhaps reads a bit, and ends in its own way."""

    def __init__(self, port: int, pick: random.Random) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._pick = pick
        say: Callable[[], bytes] = pick.choice((self._websocket, self._websocket, self._stream, self._sse, self._poll))
        said = say()
        # Some are cut in the middle of what they say.
        self._send(said if pick.random() < 0.8 else said[: pick.randrange(len(said))])
        if pick.random() < 0.6:
            self.socket.settimeout(pick.choice((0.01, 0.2)))
            try:
                self.socket.recv(65536)
            except OSError:
                pass

    def end(self) -> None:
        """Leave, or stay and say nothing."""
        how = self._pick.choice(ENDS)
        if how == "frame":
            self._send(client_close(1000))
        elif how == "half":
            self._quietly(lambda: self.socket.shutdown(socket.SHUT_WR))
        elif how == "reset":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.socket.close()
        elif how == "fin":
            self.socket.close()

    # What it says

    def _websocket(self) -> bytes:
        lines = [f"X-Forwarded-For: {self._pick.choice(ADDRESSES)}", "Sec-WebSocket-Protocol: centrifuge-json"]
        if self._pick.random() < 0.1:
            lines.append("Origin: https://evil.example")
        head = upgrade_request(f"/connection/websocket{self._query()}", *lines)
        frames = [client_frame(1, self._connect()) for _ in range(self._pick.randrange(3))]
        return head + b"".join(frames)

    def _stream(self) -> bytes:
        return self._post("http_stream", self._connect())

    def _sse(self) -> bytes:
        query = f"{self._query()}&cf_connect={quote(self._connect())}"
        return self._head("GET", f"/connection/sse{query}")

    def _poll(self) -> bytes:
        body: dict[str, Any] = {"commands": [json.loads(self._connect())]}
        if self._pick.random() < 0.3:
            body["close"] = True
        return self._post("poll", json.dumps(body).encode())

    def _post(self, kind: str, body: bytes) -> bytes:
        return self._head("POST", f"/connection/{kind}{self._query()}", f"Content-Length: {len(body)}") + body

    def _head(self, method: str, path: str, *more: str) -> bytes:
        lines = (f"{method} {path} HTTP/1.1", "Host: a", f"X-Forwarded-For: {self._pick.choice(ADDRESSES)}", *more)
        return "\r\n".join((*lines, "", "")).encode()

    def _query(self) -> str:
        return f"?cid={self._pick.choice(CIDS)}" if self._pick.random() < 0.7 else "?x=1"

    def _connect(self) -> bytes:
        shown = self._pick.choice((token("anna"), token("bob"), token("late", exp=1), "", "nonsense"))
        return json.dumps({"id": 1, "connect": {"token": shown, "name": "js", "subs": {}}}).encode()

    def _send(self, data: bytes) -> None:
        self._quietly(lambda: self.socket.sendall(data))

    def _quietly(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError:
            pass


def left(server: GatewayOnPath) -> dict[str, Any]:
    """Return everything that still counts somebody."""
    manager = server.gateway.manager
    counted: dict[str, Any] = {
        "opening": manager.opening,
        "connections": manager.connections,
        "congested": manager.congested,
        "sessions": manager._sessions,
        "attempts": manager._attempts,
        "tokens": manager._tokens,
        "users": manager._users,
        "addresses": manager._addresses,
        "agents": manager.by_agent,
        "endings": manager.reports,
    }
    sizes: dict[str, Any] = server.call(lambda: {name: len(one) for name, one in counted.items()})
    numbers = {"total": manager.total, "subscriptions": server.gateway.core.stats.subscriptions}
    by_transport = {f"by_transport.{name}": count for name, count in manager.by_transport.items()}
    return {name: count for name, count in {**sizes, **numbers, **by_transport}.items() if count}


@pytest.mark.parametrize("seed", range(2))
def test_nobody_is_counted_in_the_end(server: GatewayOnPath, seed: int) -> None:
    """Strangers come in every way, are cut, refused, timed out or leave: all counts are at zero again."""
    pick = random.Random(seed)
    waiting: list[Stranger] = []
    silent: list[Stranger] = []
    for _ in range(150):
        waiting.append(Stranger(server.port, pick))
        if len(waiting) > pick.randrange(1, 30):
            one = waiting.pop(pick.randrange(len(waiting)))
            one.end()
            silent.append(one)
        if pick.random() < 0.05:
            server.each(lambda one: pick.choice((one.close, lambda slug: one.transport.abort()))("force_disconnect"))
    for one in waiting:
        one.end()
    stats = server.gateway.core.stats
    try:
        eventually(lambda: left(server) == {}, 20)
    except AssertionError:
        raise AssertionError(f"still counted: {left(server)}") from None
    finally:
        for one in waiting + silent:
            one.socket.close()

    assert len(stats.closes) >= 5, "the test proves little where all end alike"
    assert {"address_connection_limit", "origin_not_allowed"} <= set(stats.refused)


def test_admission_lets_in_again(server: GatewayOnPath) -> None:
    """After all that, as many are let in as may be."""
    sockets = []
    for number in range(25):
        sockets.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
        sockets[-1].sendall(upgrade_request("/connection/websocket", f"X-Forwarded-For: 198.51.100.{number}"))
    try:
        for one in sockets:
            assert one.recv(12) == b"HTTP/1.1 101"
    finally:
        for one in sockets:
            one.close()
