"""Thousands of WebSocket connections in one epoll set, each authenticated and subscribed."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.load.frames import PING, PONG, masked, scan, split
from benchmarks.process import BenchmarkError
from benchmarks.tokens import connection_token

CHANNEL = "bench"
READ_BYTES = 65536
OPEN_SECONDS = 120.0
UPGRADE = (
    "GET /connection/websocket HTTP/1.1\r\n"
    "Host: 127.0.0.1:{port}\r\n"
    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "User-Agent: holdfast-benchmark/1\r\nAccept-Encoding: gzip, deflate, br\r\n"
    "Accept-Language: en-US,en;q=0.9\r\nCache-Control: no-cache\r\nPragma: no-cache\r\n\r\n"
)
SUBSCRIBE = masked(1, b'{"id":2,"subscribe":{"channel":"' + CHANNEL.encode() + b'"}}')

CONNECTING, UPGRADING, JOINING, SUBSCRIBING, LIVE = range(5)


@dataclass(slots=True)
class Link:
    """One connection: its socket, how far it got, and bytes of an incomplete frame."""

    sock: socket.socket
    connect_frame: bytes
    stage: int = CONNECTING
    tail: bytes = b""


class LoadClient:
    """Opens links, answers their pings and counts the publications that reach them.

    Only what `pump` is given time for happens; the caller owns the clock.
    """

    def __init__(self, port: int):
        """Speak to `port` of 127.0.0.1."""
        self.port = port
        self.live = 0
        self.deliveries = 0
        self.pings = 0
        self.epoll = select.epoll()
        self._links: dict[int, Link] = {}
        self._others: dict[int, Callable[[], None]] = {}
        self._upgrade = UPGRADE.format(port=port).encode()

    # Public methods

    def open(self, count: int, in_flight: int = 100) -> None:
        """Open `count` more links, at most `in_flight` of them on their way at a time."""
        target = self.live + count
        frames = _connect_frames(self.live, target)
        deadline = time.monotonic() + OPEN_SECONDS
        while self.live < target:
            while len(self._links) < target and len(self._links) - self.live < in_flight:
                self._dial(next(frames))
            self.pump(0.1)
            if time.monotonic() > deadline:
                raise BenchmarkError(f"{self.live} of {target} links after {OPEN_SECONDS:.0f} s")

    def dial_api(self) -> socket.socket:
        """Return a new blocking connection for the server API."""
        return socket.create_connection(("127.0.0.1", self.port))

    def watch(self, sock: socket.socket, on_ready: Callable[[], None]) -> None:
        """Call `on_ready` whenever another socket (the publisher's) is readable."""
        self._others[sock.fileno()] = on_ready
        self.epoll.register(sock.fileno(), select.EPOLLIN)

    def forget(self, sock: socket.socket) -> None:
        """Stop watching another socket."""
        self.epoll.unregister(sock.fileno())
        del self._others[sock.fileno()]

    def pump(self, seconds: float) -> None:
        """Handle what is ready, waiting at most `seconds` for the first of it."""
        for fd, _ in self.epoll.poll(seconds, 4096):
            link = self._links.get(fd)
            if link is None:
                self._others[fd]()
            elif link.stage == LIVE:
                self._count(link)
            else:
                self._advance(link)

    def pump_for(self, seconds: float) -> None:
        """Handle what comes for `seconds`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.pump(left)

    def close(self) -> None:
        """Reset every link, so that no port stays behind in TIME_WAIT."""
        for link in self._links.values():
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            link.sock.close()
        self._links.clear()
        self.live = 0

    # Private methods

    def _dial(self, connect_frame: bytes) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect_ex(("127.0.0.1", self.port))
        self._links[sock.fileno()] = Link(sock, connect_frame)
        self.epoll.register(sock.fileno(), select.EPOLLOUT)

    def _is_secured(self, link: Link) -> bool:
        """Whether the connected socket may carry the upgrade request now."""
        return True

    def _advance(self, link: Link) -> None:
        if link.stage == CONNECTING:
            if self._is_secured(link):
                link.sock.send(self._upgrade)
                link.stage = UPGRADING
                self.epoll.modify(link.sock.fileno(), select.EPOLLIN)
            return
        data = link.tail + self._read(link)
        if link.stage == UPGRADING:
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
        if not head.startswith(b"HTTP/1.1 101"):
            raise BenchmarkError(f"expected 101, came {data[:300]!r}")
        link.sock.send(link.connect_frame)
        link.stage = JOINING

    def _replied(self, link: Link, payload: bytes) -> None:
        wanted = b'"connect":' if link.stage == JOINING else b'"subscribe":'
        if wanted not in payload:
            raise BenchmarkError(f"expected a reply with {wanted!r}, came {payload[:300]!r}")
        if link.stage == JOINING:
            link.sock.send(SUBSCRIBE)
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

    def _read(self, link: Link) -> bytes:
        try:
            data = link.sock.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise BenchmarkError(f"a link broke at stage {link.stage}: {error}") from error
        if not data:
            raise BenchmarkError(f"a link was cut by the server at stage {link.stage}")
        return data


def _connect_frames(start: int, end: int) -> Iterator[bytes]:
    # Made before the first dial, so that signing does not share the measured time.
    frames = []
    for number in range(start, end):
        command = {"id": 1, "connect": {"token": connection_token(f"user-{number}"), "name": "js"}}
        frames.append(masked(1, json.dumps(command, separators=(",", ":")).encode()))
    return iter(frames)
