"""Publications over the server API, on one kept-alive HTTP connection beside the links."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from types import TracebackType

from benchmarks.load.client import CHANNEL, LoadClient
from benchmarks.load.payloads import compact
from benchmarks.process import BenchmarkError

API_KEY = "a-key-that-only-benchmarks-use"
ANSWER_SECONDS = 60.0


class Publisher:
    """Publishes through `/api/publish` and `/api/batch`; the links are served while it waits."""

    def __init__(self, client: LoadClient, payloads: Iterator[Mapping[str, object]]):
        """Share the epoll set of `client`; `payloads` is the data of one publication after the other."""
        self._client = client
        self._payloads = payloads
        self._buffer = b""
        self._answers = 0
        self._is_waiting = False
        self._sock: socket.socket | None = None

    def __enter__(self) -> Publisher:
        """Return the publisher; the connection is made by the first call."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the HTTP connection."""
        self._hang_up()

    def publish(self) -> None:
        """Publish one publication and wait for the answer."""
        self._call("publish", self._next())

    def batch(self, count: int) -> None:
        """Publish `count` publications in one call and wait for the answer."""
        self._call("batch", {"commands": [{"publish": self._next()} for _ in range(count)]})

    def _next(self) -> dict[str, object]:
        return {"channel": CHANNEL, "data": next(self._payloads)}

    def _call(self, method: str, params: dict[str, object]) -> None:
        body = compact(params)
        head = (
            f"POST /api/{method} HTTP/1.1\r\nHost: 127.0.0.1:{self._client.port}\r\n"
            f"X-API-Key: {API_KEY}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        if self._sock is None:
            self._sock = self._client.dial_api()
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._client.watch(self._sock, self._on_ready)
        before = self._answers
        self._is_waiting = True
        self._sock.sendall(head.encode() + body)
        deadline = time.monotonic() + ANSWER_SECONDS
        while self._answers == before:
            self._client.pump(1.0)
            if time.monotonic() > deadline:
                raise BenchmarkError(f"no answer to {method} after {ANSWER_SECONDS:.0f} s")
        self._is_waiting = False

    def _hang_up(self) -> None:
        if self._sock is not None:
            self._client.forget(self._sock)
            self._sock.close()
            self._sock = None

    def _on_ready(self) -> None:
        data = self._sock.recv(65536) if self._sock is not None else b""
        if not data:
            # Servers close idle connections after some seconds; only in the middle of a call it is an error.
            self._hang_up()
            if self._is_waiting:
                raise BenchmarkError("the server closed the API connection")
            return
        self._buffer += data
        head, mark, body = self._buffer.partition(b"\r\n\r\n")
        if not mark:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if len(body) < length:
            return
        if not head.startswith(b"HTTP/1.1 200") or b'"error"' in body:
            raise BenchmarkError(f"the API refused: {self._buffer[:400]!r}")
        self._buffer = b""
        self._answers += 1
