"""Requests beside the links: each on a kept-alive connection, one at a time."""

from __future__ import annotations

import socket
from collections import deque

from benchmarks.load.client import LoadClient
from benchmarks.load.http import BROWSER_HEADERS, post, response
from benchmarks.process import BenchmarkError


class RequestLine:
    """Posts bodies in order; the links are served meanwhile. `answer` is the body of the last response."""

    def __init__(self, client: LoadClient, headers: str = BROWSER_HEADERS):
        """Share the epoll set of `client`; each request has `headers`."""
        self.answer = b""
        self._client = client
        self._headers = headers
        self._waiting: deque[bytes] = deque()
        self._sent: bytes | None = None
        self._buffer = b""
        self._sock: socket.socket | None = None

    @property
    def is_idle(self) -> bool:
        """Whether everything was answered."""
        return self._sent is None

    def send(self, path: str, body: bytes) -> None:
        """Post a body as soon as those before it were answered."""
        self._waiting.append(post(self._client.port, path, body, self._headers))
        if self.is_idle:
            self._next()

    def close(self) -> None:
        """Hang up and forget what waits."""
        self._waiting.clear()
        self._sent = None
        self._hang_up()

    def _next(self) -> None:
        self._sent = self._waiting.popleft() if self._waiting else None
        if self._sent is None:
            return
        if self._sock is None:
            self._sock = self._client.dial_api()
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client.watch(self._sock, self._on_ready)
        self._sock.sendall(self._sent)

    def _hang_up(self) -> None:
        self._buffer = b""
        if self._sock is not None:
            self._client.forget(self._sock)
            self._sock.close()
            self._sock = None

    def _on_ready(self) -> None:
        data = self._sock.recv(65536) if self._sock is not None else b""
        if not data:
            # Servers close idle connections after some seconds, perhaps just now.
            self._hang_up()
            if self._sent is not None:
                self._waiting.appendleft(self._sent)
                self._next()
            return
        self._buffer += data
        found = response(self._buffer)
        if found is None:
            return
        if not found[0].startswith(b"HTTP/1.1 20"):
            raise BenchmarkError(f"expected 2xx, came {self._buffer[:300]!r}")
        self.answer = found[1]
        self._buffer = self._buffer[found[2] :]
        self._next()
