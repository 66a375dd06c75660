"""Thousands of connections in one epoll set; how each is opened and read is up to a subclass."""

from __future__ import annotations

import select
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.process import BenchmarkError

CHANNEL = "bench"
READ_BYTES = 65536
OPEN_SECONDS = 120.0

CONNECTING, OPENING, JOINING, SUBSCRIBING, LIVE = range(5)


@dataclass(slots=True)
class Link:
    """One connection: its socket, what opens it, how far it got, and bytes of an incomplete frame.

    Streams and polls have a session; polls number their requests and acknowledge what came.
    """

    sock: socket.socket
    opening: bytes
    stage: int = CONNECTING
    tail: bytes = b""
    session: str = ""
    seq: int = 0
    ack: int = 0


class LoadClient(ABC):
    """Opens links, answers their pings and counts the publications that reach them.

    Only what `pump` is given time for happens; the caller owns the clock.
    """

    def __init__(self, port: int):
        """Speak to `port` of 127.0.0.1."""
        self.port = port
        self.live = 0
        self.deliveries = 0
        self.pings = 0
        self.received_bytes = 0
        self.epoll = select.epoll()
        self._links: dict[int, Link] = {}
        self._others: dict[int, Callable[[], None]] = {}

    # Public methods

    def open(self, count: int, in_flight: int = 100) -> None:
        """Open `count` more links, at most `in_flight` of them on their way at a time."""
        target = self.live + count
        # Made before the first dial, so that signing does not share the measured time.
        openings = iter([self._opening(f"user-{number}") for number in range(self.live, target)])
        deadline = time.monotonic() + OPEN_SECONDS
        while self.live < target:
            while len(self._links) < target and len(self._links) - self.live < in_flight:
                self._dial(next(openings))
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

    def leave(self) -> None:
        """End every link for good, as a client that goes away does."""
        self.close()

    def close(self) -> None:
        """Reset every link, so that no port stays behind in TIME_WAIT."""
        for link in self._links.values():
            linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            link.sock.close()
        self._links.clear()
        self.live = 0

    # Private methods

    def _dial(self, opening: bytes) -> None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect_ex(("127.0.0.1", self.port))
        self._links[sock.fileno()] = Link(sock, opening)
        self.epoll.register(sock.fileno(), select.EPOLLOUT)

    def _advance(self, link: Link) -> None:
        if link.stage != CONNECTING:
            self._answered(link, link.tail + self._read(link))
        elif self._is_secured(link):
            self._begin(link)
            self.epoll.modify(link.sock.fileno(), select.EPOLLIN)

    def _read(self, link: Link) -> bytes:
        try:
            data = link.sock.recv(READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise BenchmarkError(f"a link broke at stage {link.stage}: {error}") from error
        if not data:
            raise BenchmarkError(f"a link was cut by the server at stage {link.stage}")
        self.received_bytes += len(data)
        return data

    # What a subclass fills in

    def _is_secured(self, link: Link) -> bool:
        """Whether the connected socket may carry the first request now."""
        return True

    @abstractmethod
    def _opening(self, user: str) -> bytes:
        """Return what introduces `user`, as it is put on the wire."""

    @abstractmethod
    def _begin(self, link: Link) -> None:
        """Send the first request and enter the next stage."""

    @abstractmethod
    def _answered(self, link: Link, data: bytes) -> None:
        """Go on with a link that is not live yet, given all bytes not yet used."""

    @abstractmethod
    def _count(self, link: Link) -> None:
        """Read a live link, count what came and answer what wants an answer."""
