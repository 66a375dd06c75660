"""What the SDK tests share: tokens, a raw client, recorders of SDK events, and a network that can be cut."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlsplit

import jwt
from centrifuge import ClientEventHandler, SubscriptionEventHandler
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.gateway import SECRET

PATIENCE_SECONDS = 8.0


def unique(prefix: str) -> str:
    """Return a name that no other test uses, so that tests share one gateway."""
    return prefix + uuid.uuid4().hex[:8]


def now() -> int:
    """Return the current Unix time."""
    return int(time.time())


def token(secret: str = SECRET, **claims: Any) -> str:
    """Sign an HS256 token of user alice that lives five minutes, unless the claims say otherwise."""
    return jwt.encode({"sub": "alice", "exp": now() + 300, **claims}, secret, algorithm="HS256")


def recorder(base: type) -> Any:
    """Return an event handler of the SDK that keeps every event; `next` waits for one."""

    class Recorder(base):  # type: ignore[misc]  # the SDK's two handler classes have no common base
        def __init__(self) -> None:
            self.queues: defaultdict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
            self.all: defaultdict[str, list[Any]] = defaultdict(list)

        async def next(self, name: str, fits: Callable[[Any], bool] = lambda ctx: True) -> Any:
            """Return the next fitting event of that name."""
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    ctx = await self.queues[name].get()
                    if fits(ctx):
                        return ctx

    def keep(name: str) -> Callable[[Any, Any], Awaitable[None]]:
        async def handler(self: Any, ctx: Any) -> None:
            self.all[name].append(ctx)
            self.queues[name].put_nowait(ctx)

        return handler

    for method in dir(base):
        if method.startswith("on_"):
            setattr(Recorder, method, keep(method.removeprefix("on_")))
    return Recorder()


def client_events() -> Any:
    """Return a recorder of client events."""
    return recorder(ClientEventHandler)


def subscription_events() -> Any:
    """Return a recorder of subscription events."""
    return recorder(SubscriptionEventHandler)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what} did not hold within {PATIENCE_SECONDS} s"
        await asyncio.sleep(0.01)


class Peer:
    """A client that speaks the protocol by hand, for what the SDKs never do."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.pushes: list[dict[str, Any]] = []
        self.pings = 0
        self.answers_pings = True
        self.welcome: dict[str, Any] = {}
        self._lines: list[str] = []
        self._id = 0

    async def connect(self, given: str | None = None, **fields: Any) -> Self:
        """Open the session; `fields` go into the connect command."""
        reply = await self.call("connect", token=token() if given is None else given, **fields)
        assert "connect" in reply, reply
        self.welcome = reply["connect"]
        return self

    async def send(self, *commands: dict[str, Any]) -> None:
        """Send commands as one frame."""
        await self.socket.send("\n".join(json.dumps(command) for command in commands))

    async def receive(self) -> dict[str, Any]:
        """Return the next reply or push; pings are answered on the way."""
        while True:
            if not self._lines:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    self._lines = str(await self.socket.recv()).split("\n")
            message: dict[str, Any] = json.loads(self._lines.pop(0))
            if message:
                return message
            self.pings += 1
            if self.answers_pings:
                await self.send({})

    async def reply(self) -> dict[str, Any]:
        """Return the next reply; pushes on the way are kept."""
        while True:
            message = await self.receive()
            if "push" not in message:
                return message
            self.pushes.append(message["push"])

    async def push(self, kind: str) -> dict[str, Any]:
        """Return the next push of that kind."""
        while True:
            for push in list(self.pushes):
                if kind in push:
                    self.pushes.remove(push)
                    return push
            message = await self.receive()
            assert "push" in message, message
            self.pushes.append(message["push"])

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its reply."""
        self._id += 1
        await self.send({"id": self._id, method: params})
        reply = await self.reply()
        assert reply["id"] == self._id, reply
        return reply

    async def ending(self) -> tuple[int, str]:
        """Read to the end and return the close code and reason."""
        with suppress(ConnectionClosed):
            while True:
                message = await self.receive()
                if "push" in message:
                    self.pushes.append(message["push"])
        return self.socket.close_code or 0, self.socket.close_reason or ""


class Network:
    """A TCP proxy before the gateway that can be cut, closed to newcomers, or stalled."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self._target = (target.hostname or "", target.port or 0)
        self._path = target.path
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.refusing = False
        self.stalled = False

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        self.url = f"ws://127.0.0.1:{self.port}{self._path}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Drop every connection without a goodbye."""
        self.stalled = False
        for writer in list(self._writers):
            writer.transport.abort()

    def refuse(self, refusing: bool) -> None:
        """Let nobody in, and drop those who are; or let them in again."""
        self.refusing = refusing
        if refusing:
            self.cut()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self.refusing:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer, back=True))
        finally:
            for end in (writer, far_writer):
                end.transport.abort()
            self._writers -= {writer, far_writer}

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: bool = False) -> None:
        try:
            while data := await reader.read(65536):
                if not (back and self.stalled):
                    writer.write(data)
        except OSError:
            pass
        writer.transport.abort()
