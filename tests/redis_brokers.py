"""Redis brokers for tests: started, with what they deliver."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from holdfast.broker.base import HistoryFilter, PublishOptions, PublishResult
from holdfast.broker.redis import RedisBroker
from holdfast.errors import BrokerError
from holdfast.settings import Settings
from holdfast.settings_broker import BrokerSettings, RedisSettings
from tests.brokers import Recorder, offsets, publication

KEEP = PublishOptions(history_size=1000, history_ttl=300, history_meta_ttl=3600)
SEND = PublishOptions()
ALL = HistoryFilter(-1)


class Instance:
    """A broker as an instance has it, and what came to it."""

    def __init__(self, addresses: Sequence[str], **settings: Any) -> None:
        redis = RedisSettings.model_validate({"addresses": addresses, **settings})
        self.broker = RedisBroker(Settings(broker=BrokerSettings(type="redis", redis=redis)), secrets.token_hex(4))
        self.seen = Recorder()

    @property
    def offsets(self) -> list[int]:
        """The offsets that were delivered."""
        return offsets([one for _, one, _ in self.seen.publications])

    async def publish(self, channel: str, *texts: str, options: PublishOptions = KEEP) -> list[PublishResult]:
        """Publish some data, one after the other."""
        return [await self.broker.publish(channel, publication(text), options) for text in texts]

    async def publish_until_done(self, channel: str, text: str, options: PublishOptions = KEEP) -> PublishResult:
        """Publish as who has an idempotency key does: again, until it is acknowledged."""
        options = replace(options, idempotency_key=options.idempotency_key or secrets.token_hex(8))
        async with asyncio.timeout(30):
            while True:
                try:
                    return await self.broker.publish(channel, publication(text), options)
                except BrokerError:
                    await asyncio.sleep(0.05)

    async def read(self, channel: str) -> list[int]:
        """Return the offsets in a channel's history."""
        return offsets((await self.broker.history(channel, ALL)).publications)


@asynccontextmanager
async def running_instance(addresses: Sequence[str], **settings: Any) -> AsyncIterator[Instance]:
    """Run a broker for the length of a block."""
    instance = Instance(addresses, **settings)
    await instance.broker.start(instance.seen)
    try:
        yield instance
    finally:
        await instance.broker.stop()


def some_prefix() -> str:
    """Return a prefix of a test's own."""
    return f"test-{secrets.token_hex(6)}"


async def until(check: Callable[[], object], seconds: float = 30) -> None:
    """Return when something has come to pass."""
    async with asyncio.timeout(seconds):
        while not check():  # noqa: ASYNC110 - it comes from another process
            await asyncio.sleep(0.005)


class Switch:
    """A way to a server that leads to another one when told, is cut, or lets nothing through without a word."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.opened = 0
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """How many connections there are."""
        return len(self._tasks)

    async def __aenter__(self) -> Switch:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """End all connections."""
        self._flows.set()
        for writer in self._writers:
            writer.transport.abort()

    def stop(self) -> None:
        """Let nothing through."""
        self._flows.clear()

    def go_on(self) -> None:
        """Let through what waits, and the rest."""
        self._flows.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.opened += 1
        self._writers.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
            self._writers.add(back)
            try:
                await asyncio.wait(
                    [asyncio.ensure_future(self._pump(reader, back)), asyncio.ensure_future(self._pump(there, writer))],
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                back.transport.abort()
                self._writers.discard(back)
        except OSError:
            pass
        finally:
            writer.transport.abort()
            self._writers.discard(writer)
            self._tasks.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
