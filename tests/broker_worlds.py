"""Brokers of every kind for one suite: started, with what they deliver, and a way to let time pass.

The embedded broker waits by moving its clock, one in Redis by waiting: a time to live that a test waits for is given in
`world.seconds`, and everything else lives for long enough that a busy machine does no harm.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from holdfast.broker.base import Broker, HistoryFilter, PublishOptions, PublishResult
from holdfast.broker.memory import MemoryBroker
from holdfast.broker.redis import RedisBroker
from holdfast.settings import Settings
from holdfast.settings_broker import BrokerSettings, RedisSettings
from tests.brokers import Clock, Recorder, offsets, publication
from tests.parts import require
from tests.redis_servers import (
    MASTER,
    Cluster,
    RedisServer,
    Sentinels,
    running_cluster,
    running_redis,
    running_sentinels,
)

REDIS_SECOND = 0.03
"""What a second of the suite takes in Redis."""
MODES = {"redis": "single", "redis-sentinel": "sentinel", "redis-cluster": "cluster"}
CHANNELS = {"news": 2, "chat:1": 1, "chat:2": 1}
IDEMPOTENCY_SECONDS = 30
ALL = HistoryFilter(-1)
KEEP = PublishOptions(history_size=5, history_ttl=60, history_meta_ttl=600)

GetRedis = Callable[[str], "Redis"]


async def until(check: Callable[[], bool]) -> None:
    """Return when something that a broker does later has come to pass."""
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110 - it comes from another process
            await asyncio.sleep(0.005)


@dataclass
class Redis:
    """Servers of one mode, and how they are found."""

    redis: RedisSettings
    masters: list[RedisServer]

    def fresh(self) -> Settings:
        """Return settings with a prefix of the test's own."""
        redis = self.redis.model_copy(update={"prefix": f"test-{secrets.token_hex(6)}"})
        return settings_of(redis, REDIS_SECOND)


@dataclass
class World:
    """A started broker, what it delivered, and a way to let time pass."""

    broker: Broker
    seen: Recorder
    wait: Callable[[float], Awaitable[None]]
    second: float = 1.0

    def seconds(self, count: float) -> float:
        """Return a time to live that ends after so many seconds of `wait`."""
        return count * self.second

    async def publish(self, channel: str, *data: str, options: PublishOptions = KEEP) -> list[PublishResult]:
        """Publish some data, one after the other."""
        return [await self.broker.publish(channel, publication(text), options) for text in data]

    async def delivered(self, count: int) -> None:
        """Return when so many publications have come; in one channel they come in their order."""
        await until(lambda: len(self.seen.publications) >= count)

    async def read(self, channel: str, query: HistoryFilter = ALL) -> list[int]:
        """Return the offsets that a query finds."""
        return offsets((await self.broker.history(channel, query)).publications)


def settings_of(redis: RedisSettings | None = None, second: float = 1.0) -> Settings:
    """Return the settings of a broker, in Redis or not."""
    broker = BrokerSettings(idempotency_ttl=IDEMPOTENCY_SECONDS * second)
    if redis is not None:
        broker = broker.model_copy(update={"type": "redis", "redis": redis})
    return Settings(broker=broker)


async def memory_world() -> AsyncIterator[World]:
    """Run the embedded broker by a clock that stands still."""
    clock = Clock()
    broker = MemoryBroker(settings_of(), clock=clock)
    seen = Recorder()

    async def wait(seconds: float) -> None:
        clock.advance(seconds)
        broker.sweep(1000)

    await broker.start(seen)
    for name in CHANNELS:
        await broker.subscribe(name)
    yield World(broker, seen, wait)
    await broker.stop()


async def redis_world(redis: Redis) -> AsyncIterator[World]:
    """Run a broker in Redis, under a prefix of its own."""
    broker: Any = RedisBroker(redis.fresh(), "here")
    seen = Recorder()

    async def wait(seconds: float) -> None:
        await asyncio.sleep(seconds * REDIS_SECOND)

    await broker.start(seen)
    for name in CHANNELS:
        await broker.subscribe(name)
    yield World(broker, seen, wait, REDIS_SECOND)
    await broker.stop()


def world_of(kind: str, get_redis: GetRedis) -> AsyncIterator[World]:
    """Return a fresh broker: `memory`, or one of MODES."""
    return memory_world() if kind == "memory" else redis_world(get_redis(MODES[kind]))


@contextmanager
def running_modes() -> Iterator[GetRedis]:
    """Give a function that returns the servers of a mode; they start when first asked for and end with the block."""
    known: dict[str, Redis] = {}
    with ExitStack() as stack:

        def get(mode: str) -> Redis:
            require("redis")
            if mode not in known:
                known[mode] = _start(mode, stack)
            return known[mode]

        yield get


def _start(mode: str, stack: ExitStack) -> Redis:
    if mode == "cluster":
        cluster: Cluster = stack.enter_context(running_cluster())
        return Redis(_settings(mode, cluster.addresses), cluster.masters())
    if mode == "sentinel":
        setup: Sentinels = stack.enter_context(running_sentinels())
        return Redis(_settings(mode, setup.addresses), [setup.master()])
    server = stack.enter_context(running_redis())
    return Redis(_settings(mode, [server.address]), [server])


def _settings(mode: str, addresses: list[str]) -> RedisSettings:
    given = {"mode": mode, "addresses": addresses, "master_name": MASTER, "connect_timeout": 10, "timeout": 10}
    return RedisSettings.model_validate(given)
