"""Stand-ins for what a probe speaks to: bytes that come as a test says, and links that reply."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from holdfast.diagnostics.probe.dial import Address, family_of
from holdfast.diagnostics.probe.http import Answer
from holdfast.diagnostics.probe.target import Target, Wanted, target_of
from holdfast.diagnostics.probe.way import Way
from holdfast.diagnostics.probe.wire import Wire

CID = "0123456789abcdef0123456789abcdef"
ADDRESS = Address(family_of("192.0.2.1"), ("192.0.2.1", 443))


def target(url: str = "ws://gateway.test/connection/websocket", **wanted: Any) -> Target:
    """Return a target with a fixed id."""
    return target_of(url, Wanted(**wanted), CID)


class FakeStream:
    """Bytes from a script: what comes next, an error to raise, or b"" for the end; behind the last it is silent.

    `answer` is asked at each send, and what it returns comes too.
    """

    def __init__(self, *pieces: bytes | Exception, answer: Callable[[bytes], Sequence[bytes]] | None = None) -> None:
        self.sent = b""
        self.is_closed = False
        self._answer = answer
        self._pieces: asyncio.Queue[bytes | Exception] = asyncio.Queue()
        for piece in pieces:
            self._pieces.put_nowait(piece)

    async def send(self, data: bytes) -> None:
        """Note it."""
        self.sent += data
        for piece in self._answer(data) if self._answer else ():
            self._pieces.put_nowait(piece)

    async def receive(self) -> bytes:
        """Return the next piece."""
        piece = await self._pieces.get()
        if isinstance(piece, Exception):
            raise piece
        return piece

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


def wire(*pieces: bytes | Exception, **options: Any) -> Wire:
    """Return a wire over a scripted stream."""
    return Wire(FakeStream(*pieces, **options))


@dataclass(frozen=True)
class FakeWay(Way):
    """A way whose connections are scripted streams, one after the other; none left refuses."""

    streams: list[FakeStream] = field(default_factory=list)

    async def open(self) -> Wire:
        """Return a wire over the next stream."""
        if not self.streams:
            raise ConnectionRefusedError(111, "Connection refused")
        return Wire(self.streams.pop(0))


def way(*streams: FakeStream, to: Target | None = None) -> FakeWay:
    """Return a way over these streams."""
    return FakeWay(to or target(), ADDRESS, None, list(streams))


def http(status: int, body: bytes | dict[str, Any] = b"", *headers: str) -> bytes:
    """Return an HTTP answer as bytes."""
    text = json.dumps(body).encode() if isinstance(body, dict) else body
    lines = [f"HTTP/1.1 {status} Phrase", f"Content-Length: {len(text)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + text


class FakeLink:
    """A link from a script: batches of replies, errors to raise; behind the last it is silent."""

    def __init__(self, *batches: list[dict[str, Any]] | Exception, opens: Answer | Exception | None = None) -> None:
        self.sent = [("Host", "gateway.test")]
        self.lines: list[str] = []
        self.is_aborted = False
        self.closes = True
        self.is_left = False
        self._opens = opens if opens is not None else Answer(101, "Switching Protocols")
        self._batches = list(batches)

    async def open(self, connect: str) -> Answer:
        """Return the answer, or raise."""
        if isinstance(self._opens, Exception):
            raise self._opens
        return self._opens

    async def begin(self, connect: str) -> None:
        """Note the command."""
        self.lines.append(connect)

    async def send(self, lines: list[str]) -> None:
        """Note the commands."""
        self.lines += lines

    async def receive(self) -> list[dict[str, Any]]:
        """Return the next batch."""
        if not self._batches:
            await asyncio.get_running_loop().create_future()
        batch = self._batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        return batch

    async def close(self) -> bool:
        """Say whether the goodbye was answered."""
        self.is_left = True
        return self.closes

    def abort(self) -> None:
        """Note it."""
        self.is_aborted = True

    def commands(self) -> list[Any]:
        """Return what was sent as data."""
        return [json.loads(line) for line in self.lines]
