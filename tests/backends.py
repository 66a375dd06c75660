"""A user's backend for tests: HTTP on loopback in a thread of its own, as well or as badly behaved as a test asks.

    def test_something(backend, start_gateway):
        backend.answers["/connect"] = result(user="anna")
        start_gateway({"client": {"proxy": {"connect": {"enabled": True, "endpoint": backend.url("/connect")}}}})

What answers a path is a behaviour: an async function of a request and a stream writer. Functions here make them.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Request:
    """What the gateway asked."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as data."""
        return json.loads(self.body)


Behaviour = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


def respond(body: bytes, status: int = 200, headers: tuple[str, ...] = ()) -> Behaviour:
    """Answer with bytes."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()

    return behave


def say(data: Any, status: int = 200) -> Behaviour:
    """Answer with JSON."""
    return respond(json.dumps(data).encode(), status)


def result(**fields: Any) -> Behaviour:
    """Answer with a result."""
    return say({"result": fields})


def decide(choose: Callable[[Request], Any]) -> Behaviour:
    """Answer with what a function makes of the request; a number is a status."""

    async def behave(request: Request, writer: asyncio.StreamWriter) -> None:
        chosen = choose(request)
        await (say({}, chosen) if isinstance(chosen, int) else say(chosen))(request, writer)

    return behave


async def hang(request: Request, writer: asyncio.StreamWriter) -> None:
    """Never answer."""
    await asyncio.sleep(3600)


async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer a byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
    while True:
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b" ")


async def cut(request: Request, writer: asyncio.StreamWriter) -> None:
    """End the connection in the middle of the answer."""
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"result":')
    await writer.drain()
    writer.close()


async def vanish(request: Request, writer: asyncio.StreamWriter) -> None:
    """End the connection without a word."""
    writer.transport.abort()


async def babble(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer with what is no HTTP."""
    writer.write(b"\x16\x03\x01\x00\xff SSH-2.0 hello\r\n\r\n")
    await writer.drain()
    writer.close()


async def flood(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answer for ever, in chunks."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
        await writer.drain()


@dataclass
class Backend:
    """A running backend; `answers` by path may change at any time, `requests` is what came."""

    answers: dict[str, Behaviour] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    writers: set[asyncio.StreamWriter] = field(default_factory=set)  # of open connections

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def asked(self, path: str) -> list[Request]:
        """Return the requests that came to a path."""
        return [one for one in self.requests if one.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        self.writers.add(writer)
        try:
            while not writer.is_closing():
                request = await _read(reader)
                self.requests.append(request)
                behaviour = asyncio.ensure_future(self.answers.get(request.path, respond(b"", 404))(request, writer))
                gone = asyncio.ensure_future(_hung_up(reader))
                await asyncio.wait([behaviour, gone], return_when=asyncio.FIRST_COMPLETED)
                gone.cancel()
                if not behaviour.done():
                    behaviour.cancel()
                    return
                await behaviour
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()


async def _hung_up(reader: asyncio.StreamReader) -> None:
    while not reader.at_eof():  # noqa: ASYNC110 - a reader has no event, and reading would take the next request's bytes
        await asyncio.sleep(0.25)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(head[0].split(" ")[1], headers, body)


@contextmanager
def running_backend(tls: ssl.SSLContext | None = None) -> Iterator[Backend]:
    """Run a backend for the length of a block, over TLS where a context is given."""
    backend, started, ended = Backend(), threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def live() -> None:
        loops.append(asyncio.get_running_loop())
        server = await asyncio.start_server(backend.serve, "127.0.0.1", 0, backlog=4096, ssl=tls)
        backend.port = server.sockets[0].getsockname()[1]
        started.set()
        await ended.wait()
        server.close()
        for writer in list(backend.writers):
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    assert started.wait(PATIENCE_SECONDS)
    try:
        yield backend
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join(PATIENCE_SECONDS)
