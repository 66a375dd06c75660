"""Two instances on a real Redis that ends connections at random, and many clients that do random things at both.

The clients are those of `test_core_interleavings`, which believe nothing. Losses on the way are always announced here,
so nobody may need the position checks, which would find them later.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from itertools import count
from random import Random
from typing import Any

import pytest
from msgspec import Raw
from redis.asyncio import Redis

from holdfast.broker.redis import RedisBroker
from holdfast.connections.catch_up import CatchUp
from holdfast.connections.control import Target
from holdfast.connections.subscription import Grant
from holdfast.errors import BrokerError, GatewayError
from holdfast.protocol.messages import StreamPosition
from holdfast.settings import Settings
from tests.brokers import Clock
from tests.fuzz.test_core_interleavings import CHANNELS, SETTINGS, USERS, Follow, Player, quiet
from tests.live import World
from tests.parts import require
from tests.redis_brokers import until
from tests.redis_servers import RedisServer, running_redis

require("redis")

__all__ = ["quiet"]  # a fixture

STEPS = 250
STREAMS = ("a", "b", "forced:c", "changing:e")
EXPECTED = {"conflict", "broker_unavailable", "broker_timeout", "already_subscribed"}
Where = tuple[str, str, int]


class Record:
    """What was published where: one number is one publication, and one position has one number."""

    def __init__(self) -> None:
        self.numbers = count(1)
        self.places: dict[int, set[Where]] = defaultdict(set)
        self.contents: dict[Where, set[int]] = defaultdict(set)

    def document(self) -> dict[str, Any]:
        """Return what nobody has published before."""
        number = next(self.numbers)
        return {"number": number, "text": "x" * 80 + str(number)}

    def note(self, where: Where, number: int) -> None:
        """Know that something was delivered, or acknowledged, at a position."""
        self.places[number].add(where)
        self.contents[where].add(number)

    def check(self) -> None:
        """Insist that nothing is doubled, and nothing at two places."""
        assert not {number: found for number, found in self.places.items() if len(found) > 1}
        assert not {where: found for where, found in self.contents.items() if len(found) > 1}


class Recorded(Follow):
    """A subscription that notes what comes to it."""

    def __init__(self, channel: str, record: Record, result: dict[str, Any], asked: dict[str, Any]) -> None:
        self._channel = channel
        self._record = record
        super().__init__(result, asked, is_lossy=True)

    def take(self, publication: dict[str, Any]) -> None:
        """Take the next publication."""
        super().take(publication)
        if self.is_positioned and publication.get("offset") and not self.has_deltas:
            self._record.note((self._channel, self.epoch, publication["offset"]), publication["data"]["number"])


class Wanderer(Player):
    """A client that comes to either instance."""

    def __init__(self, record: Record, world: World, random: Random, known: dict[str, StreamPosition]) -> None:
        self.record = record
        super().__init__(world, random, random.choice(USERS), known)

    def any_command(self) -> tuple[str, dict[str, Any]]:
        """Return a random command; what is published can be told apart."""
        method, request = super().any_command()
        return method, {**request, "data": self.record.document()} if method == "publish" else request

    def follow(self, channel: str, result: dict[str, Any], asked: dict[str, Any]) -> None:
        """Note a subscription."""
        assert channel not in self.follows, "subscribed twice"
        self.follows[channel] = Recorded(channel, self.record, result, asked)
        self.note(channel)


class Fray:
    """One random run."""

    def __init__(self, worlds: list[World], random: Random, redis: Redis, prefix: str) -> None:
        self.worlds = worlds
        self.random = random
        self.redis = redis
        self.prefix = prefix
        self.record = Record()
        self.players: list[Wanderer] = []
        self.known: list[dict[str, StreamPosition]] = [{} for _ in range(8)]
        self.work: set[asyncio.Task[None]] = set()
        self.forgotten: set[str] = set()

    async def run(self) -> None:
        """Do random things, with Redis at rest only in between."""
        for _ in range(STEPS):
            self.step()
            await asyncio.sleep(self.random.choice([0, 0, 0, 0.001, 0.003]))
            self.read()

    def read(self) -> None:
        """Let everybody read what came; who was closed goes."""
        for player in self.players:
            player.read()
        for player in [one for one in self.players if not one.is_open]:
            player.hang_up()
            self.players.remove(player)

    def step(self) -> None:
        """Do one random thing."""
        random = self.random
        chance = random.random()
        if not self.players or (len(self.players) < 8 and chance < 0.15):
            world = random.choice(self.worlds)
            self.players.append(Wanderer(self.record, world, random, random.choice(self.known)))
        elif chance < 0.5:
            player = random.choice(self.players)
            player.send([player.any_command() for _ in range(random.choice([1, 1, 1, 2, 5]))])
        elif chance < 0.55:
            player = random.choice(self.players)
            player.hang_up()
            self.players.remove(player)
        elif chance < 0.85:
            self.do(self.publish(random.choice(CHANNELS)))
        elif chance < 0.9:
            self.do(self.control())
        else:
            self.do(self.trouble())

    def do(self, work: Awaitable[object]) -> None:
        """Run something beside everything else."""

        async def guarded() -> None:
            try:
                await work
            except GatewayError as error:
                if error.slug not in EXPECTED:
                    raise

        self.work.add(asyncio.get_running_loop().create_task(guarded()))

    async def publish(self, channel: str) -> None:
        """Publish as a backend does, at either instance."""
        document = self.record.document()
        publisher = self.random.choice(self.worlds).core.publisher
        result = await publisher.publish(channel, Raw(json.dumps(document).encode()))
        if result.position.epoch:
            self.record.note((channel, result.position.epoch, result.position.offset), document["number"])

    async def publish_surely(self, channel: str) -> None:
        """Publish until it is acknowledged."""
        while True:
            try:
                await self.publish(channel)
            except BrokerError:
                await asyncio.sleep(0.01)
            else:
                return

    async def control(self) -> None:
        """Subscribe or unsubscribe as a backend does."""
        target, channel = Target(self.random.choice(USERS)), self.random.choice(CHANNELS)
        is_joining = self.random.random() < 0.6
        for world in self.worlds:
            if is_joining:
                await world.control.subscribe(target, channel, Grant(server_side=True))
            else:
                await world.control.unsubscribe(target, channel)

    async def trouble(self) -> None:
        """End connections of a kind or any one, forget scripts or a stream, or hold everything up."""
        random, ask = self.random, self.redis.execute_command
        kind = random.choice(["pubsub", "pubsub", "normal", "one", "one", "flush", "pause", "forget"])
        if kind in ("pubsub", "normal"):
            await ask("CLIENT", "KILL", "TYPE", kind)
        elif kind == "one":
            ids = [one["id"] for one in await self.redis.client_list() if one["name"] == "holdfast"]
            if ids:
                await ask("CLIENT", "KILL", "ID", random.choice(ids))
        elif kind == "flush":
            await ask("SCRIPT", "FLUSH")
        elif kind == "pause":
            await ask("CLIENT", "PAUSE", 30)
        elif random.random() < 0.3:  # as after its meta TTL
            channel = random.choice(STREAMS)
            await ask("DEL", *(f"{self.prefix}:{{{channel}}}:{part}" for part in "sm"))
            self.forgotten.add(channel)

    async def rest(self) -> None:
        """Return when all that was begun is done and every gap is filled."""
        for channel in self.forgotten:  # of which nobody is told before something comes
            self.do(self.publish(channel))
        for task in [*self.work]:
            await task
        self.work.clear()
        for channel in self.forgotten:  # of which nobody is told before something comes
            await self.publish_surely(channel)
        await until(lambda: all(_is_calm(world) for world in self.worlds))
        self.read()

    async def settle(self, is_there: Callable[[], Awaitable[bool]]) -> None:
        """Let what is under way arrive."""
        async with asyncio.timeout(20):
            while not await is_there():
                await asyncio.sleep(0.02)
                self.read()


def _is_calm(world: World) -> bool:
    broker, delivery = world.broker, world.core.delivery
    assert isinstance(broker, RedisBroker)
    assert isinstance(delivery, CatchUp)
    is_asking = any(one.task is not None for one in world.manager.everybody())
    return not (broker.feed._lost or broker._reconciler._waiting or len(delivery) or is_asking)


def _broker(address: str, prefix: str, name: str) -> Callable[[Any], Any]:
    redis = {"addresses": [address], "prefix": prefix}
    return lambda memory: RedisBroker(Settings.model_validate({"broker": {"type": "redis", "redis": redis}}), name)


async def check_everybody_has_everything(fray: Fray) -> None:
    """Whoever follows a stream comes to its top, or was told; every command has its one reply."""

    async def behind() -> list[tuple[Any, ...]]:
        tops = {name: await fray.worlds[0].core.read_top(name) for name in STREAMS}
        return [
            (channel, follow.offset, follow.epoch, tops[channel])
            for player in fray.players
            for channel, follow in player.follows.items()
            if follow.is_positioned and not follow.is_filtered and (follow.offset, follow.epoch) != tops[channel]
        ]

    async def is_there() -> bool:
        return not await behind()

    try:
        await fray.settle(is_there)
    except TimeoutError:
        pytest.fail(f"somebody missed something and was not told: {await behind()}")
    for player in fray.players:
        assert player.answered == ([1] if player.is_refused else player.sent)
        assert set(player.follows) == set(player.client.connection.subs)
    fray.record.check()


async def check_nothing_is_left(fray: Fray) -> None:
    """After everybody has gone nothing is kept, and nothing listened to."""
    for player in fray.players:
        player.hang_up()
    await until(lambda: all(len(one.core.feed) == 0 == len(one.core.membership) for one in fray.worlds))

    async def is_deaf() -> bool:
        return not await fray.redis.pubsub_channels(f"{fray.prefix}:{{*")

    await fray.settle(is_deaf)
    for world in fray.worlds:
        assert (len(world.hub), world.core.stats.subscriptions, world.manager.count) == (0, 0, 0)
        assert isinstance(world.broker, RedisBroker)
        assert (world.broker.feed._handlers, world.broker._seen._followed) == ({}, {})


async def fight_to_the_end(server: RedisServer, seed: int) -> None:
    """Play once and check everything."""
    prefix, clock = f"fuzz-{secrets.token_hex(4)}", Clock(1_700_000_000.0)
    worlds = [World(clock, _broker(server.address, prefix, name), **SETTINGS) for name in ("one", "other")]
    redis: Redis = Redis(port=server.port, decode_responses=True)
    for world in worlds:
        await world.start()
    fray = Fray(worlds, Random(seed), redis, prefix)
    try:
        await fray.run()
        await fray.rest()
        await check_everybody_has_everything(fray)
        await check_nothing_is_left(fray)
    finally:
        for world in worlds:
            await world.broker.stop()
        await redis.aclose()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Run one Redis for all runs."""
    with running_redis() as one:
        yield one


@pytest.mark.parametrize("seed", range(2))
async def test_two_instances_on_a_redis_that_ends_connections(server: RedisServer, seed: int) -> None:
    """Nothing is lost without a word, doubled, out of order or left behind."""
    await fight_to_the_end(server, seed)


@pytest.mark.proof
@pytest.mark.parametrize("four", range(50))
async def test_two_instances_by_the_hundred(server: RedisServer, four: int) -> None:
    """The rare ones as well."""
    for seed in range(4 * four + 1000, 4 * four + 1004):
        await fight_to_the_end(server, seed)
