"""The load client's WebSocket links, each authenticated and subscribed."""

from __future__ import annotations

from benchmarks.load.client import CHANNEL, JOINING, OPENING, Link, LoadClient
from benchmarks.load.frames import PING, PONG, masked, scan, split
from benchmarks.load.payloads import compact
from benchmarks.process import BenchmarkError
from benchmarks.tokens import connection_token

UPGRADE = (
    "GET /connection/websocket HTTP/1.1\r\n"
    "Host: 127.0.0.1:{port}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "User-Agent: holdfast-benchmark/1\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n{more}\r\n"
)


def connect_command(user: str) -> bytes:
    """Return the connect command of `user`, with a token of its own."""
    return compact({"id": 1, "connect": {"token": connection_token(user), "name": "js"}})


def subscribe_command(**options: object) -> bytes:
    """Return the command that subscribes to the one channel."""
    return compact({"id": 2, "subscribe": {"channel": CHANNEL, **options}})


class WebSocketClient(LoadClient):
    """A load client whose links are WebSockets."""

    # What the server has to have agreed to, in the head of its 101 and in its reply to subscribe.
    _agreed_upgrade = b"\r\nupgrade: websocket"
    _agreed_subscribe = b'"subscribe":'

    def __init__(self, port: int):
        """Speak to `port` of 127.0.0.1."""
        super().__init__(port)
        self._upgrade = self._request(port)
        self._subscribe = masked(1, self._subscription())

    def _request(self, port: int) -> bytes:
        return UPGRADE.format(port=port, more="").encode()

    def _subscription(self) -> bytes:
        return subscribe_command()

    def _opening(self, user: str) -> bytes:
        return masked(1, connect_command(user))

    def _begin(self, link: Link) -> None:
        link.sock.send(self._upgrade)
        link.stage = OPENING

    def _answered(self, link: Link, data: bytes) -> None:
        if link.stage == OPENING:
            self._upgraded(link, data)
            return
        frames, used = split(data)
        link.tail = data[used:]
        for _, payload in frames:
            if payload == PING:  # the first may come at any time once the connection is connected
                link.sock.send(PONG)
            else:
                self._replied(link, payload)

    def _upgraded(self, link: Link, data: bytes) -> None:
        head, mark, rest = data.partition(b"\r\n\r\n")
        link.tail = rest if mark else data
        if not mark:
            return
        if not head.startswith(b"HTTP/1.1 101") or self._agreed_upgrade not in head.lower():
            raise BenchmarkError(f"expected 101 with {self._agreed_upgrade!r}, came {data[:300]!r}")
        link.sock.send(link.opening)
        link.stage = JOINING

    def _replied(self, link: Link, payload: bytes) -> None:
        wanted = b'"connect":' if link.stage == JOINING else self._agreed_subscribe
        if wanted not in payload:
            raise BenchmarkError(f"expected a reply with {wanted!r}, came {payload[:300]!r}")
        if link.stage == JOINING:
            link.sock.send(self._subscribe)
        else:
            self.live += 1
        link.stage += 1

    def _count(self, link: Link) -> None:
        data = link.tail + self._read(link)
        found = scan(data)
        if found.closed:
            raise BenchmarkError(f"a link was closed by the server: {data[:200]!r}")
        self.deliveries += found.publications
        link.tail = data[found.used :]
        if found.pings:
            self.pings += found.pings
            link.sock.send(PONG * found.pings)
        if found.ws_pings:
            link.sock.send(masked(10, b"") * found.ws_pings)


class DeltaClient(WebSocketClient):
    """A WebSocket client that asks for deltas; it counts them and does not apply them."""

    _agreed_subscribe = b'"delta":true'

    def _subscription(self) -> bytes:
        return subscribe_command(delta="fossil")


class DeflateClient(WebSocketClient):
    """A WebSocket client that offers compression; what it sends itself is too short to gain by it."""

    _agreed_upgrade = b"permessage-deflate"

    def _request(self, port: int) -> bytes:
        more = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
        return UPGRADE.format(port=port, more=more).encode()
