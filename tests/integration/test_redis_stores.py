"""What is kept in Redis beside publications: what it costs, and what happens when Redis is not as it was left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import Raw
from pydantic import SecretStr

from holdfast.auth.lockout import AddressRate, Lockouts, Trial
from holdfast.broker.base import PresenceStats
from holdfast.broker.redis import RedisBroker
from holdfast.broker.redis_keys import Keys
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo
from holdfast.settings import Settings
from holdfast.settings_auth import LockoutSettings
from holdfast.settings_broker import RedisSettings
from tests.broker_worlds import GetRedis, Redis, World, redis_world, settings_of, until
from tests.brokers import Recorder
from tests.redis_servers import RedisServer, running_redis

ANN = ClientInfo("ann", "c1", Raw(b'{"name":"Ann"}'))
Call = Callable[[RedisBroker], Awaitable[Any]]
CALLS: dict[str, Call] = {
    "add_presence": lambda broker: broker.add_presence("news", "c1", ANN, 60),
    "remove_presence": lambda broker: broker.remove_presence("news", "c1"),
    "presence": lambda broker: broker.presence("news"),
    "presence_stats": lambda broker: broker.presence_stats("news"),
    "sessions.get": lambda broker: broker.sessions.get("ann", "1"),
    "sessions.put": lambda broker: broker.sessions.put("ann", "1", b"value", 60),
    "sessions.swap": lambda broker: broker.sessions.swap("ann", "1", b"value", b"next", 60),
    "sessions.delete": lambda broker: broker.sessions.delete("ann", "1"),
    "sessions.sessions_of": lambda broker: broker.sessions.sessions_of("ann"),
    "tables.put": lambda broker: broker.tables.put("nodes", "1", b"value", 60),
    "tables.remove": lambda broker: broker.tables.remove("nodes", "1"),
    "tables.read": lambda broker: broker.tables.read("nodes"),
    "counters.add": lambda broker: broker.counters.add("ann", 60),
    "counters.get": lambda broker: broker.counters.get("ann"),
    "counters.clear": lambda broker: broker.counters.clear("ann"),
    "counters.take": lambda broker: broker.counters.take("ann's", 1, 5),
    "send": lambda broker: broker.send(b"message"),
}


@pytest.fixture
def redis(get_redis: GetRedis) -> Redis:
    """Return one server that tests share."""
    return get_redis("single")


@pytest.fixture
async def world(redis: Redis) -> AsyncIterator[World]:
    """Return a broker in it."""
    async for one in redis_world(redis):
        yield one


@pytest.fixture(scope="module")
def own_server() -> Iterator[RedisServer]:
    """Run a server whose connections these tests may cut and whose memory they measure."""
    with running_redis() as server:
        yield server


@asynccontextmanager
async def started(settings: Settings, instance: str) -> AsyncIterator[tuple[RedisBroker, Recorder]]:
    """Run an instance for the length of a block."""
    broker, seen = RedisBroker(settings, instance), Recorder()
    await broker.start(seen)
    try:
        yield broker, seen
    finally:
        await broker.stop()


async def sent(broker: RedisBroker, message: bytes) -> None:
    """Send a message as soon as the way to Redis is open again."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await broker.send(message)
            except BrokerError:
                await asyncio.sleep(0.05)


def settings_at(server: RedisServer, seconds: float = 10) -> Settings:
    """Return the settings of one server, which is waited for so long."""
    return settings_of(RedisSettings(addresses=(server.address,), timeout=10, connect_timeout=seconds))


def commands(server: RedisServer) -> dict[str, int]:
    """Return how often each command was called from outside of scripts."""
    found = {name: facts for name, facts in server.info().items() if name.startswith("cmdstat_")}
    return {name.removeprefix("cmdstat_"): int(facts.split(",")[0].partition("=")[2]) for name, facts in found.items()}


@pytest.mark.parametrize("name", CALLS)
async def test_each_call_is_one_command(own_server: RedisServer, name: str):
    """One round trip and one step that nothing comes between, whatever there is to keep."""
    broker = RedisBroker(settings_at(own_server))
    await CALLS[name](broker)  # from now on Redis knows the script
    before = commands(own_server)
    for _ in range(10):
        await CALLS[name](broker)
    after = commands(own_server)
    await broker.stop()

    assert after["evalsha"] - before["evalsha"] == 10
    assert not [name for name in ("eval", "multi", "watch", "script|load") if after.get(name) != before.get(name)]


async def test_subscribe_is_one_command(own_server: RedisServer):
    """And unsubscribe another; joins and leaves of others cost the listener none."""
    async with started(settings_at(own_server), "a") as (broker, _):
        await broker.subscribe("first")
        before = commands(own_server)
        for number in range(10):
            await broker.subscribe(f"news:{number}")
        for number in range(10):
            await broker.unsubscribe(f"news:{number}")
        await until(lambda: commands(own_server).get("unsubscribe", 0) - before.get("unsubscribe", 0) == 10)
        after = commands(own_server)

    assert after["subscribe"] - before["subscribe"] == 10
    assert not [name for name in ("evalsha", "eval", "publish") if after.get(name) != before.get(name)]


async def test_many_sends_at_once_share_commands(own_server: RedisServer):
    """Messages that wait for the one before go together."""
    broker = RedisBroker(settings_at(own_server))
    await broker.send(b"first")
    before = commands(own_server)["evalsha"]
    await asyncio.gather(*(broker.send(b"message") for _ in range(1000)))

    assert commands(own_server)["evalsha"] - before <= 5
    await broker.stop()


async def test_memory_of_an_entry(own_server: RedisServer):
    """About 300 bytes for a client that is present, 350 for a session of 150 bytes, 110 for a counter."""
    broker = RedisBroker(settings_at(own_server))

    async def bytes_each(count: int, fill: Callable[[int], Awaitable[Any]]) -> float:
        before = int(own_server.info()["used_memory"])
        for start in range(0, count, 500):
            await asyncio.gather(*(fill(number) for number in range(start, start + 500)))
        return (int(own_server.info()["used_memory"]) - before) / count

    def enter(number: int) -> Awaitable[None]:
        info = ClientInfo(f"user-{number}", f"{number:032x}", Raw(b'{"name":"somebody"}'))
        return broker.add_presence("big", info.client, info, 600)

    def log_in(number: int) -> Awaitable[None]:
        return broker.sessions.put(f"{number // 4:032}", f"{number:032}", b"x" * 150, 600)

    presence = await bytes_each(4000, enter)
    sessions = await bytes_each(4000, log_in)
    counters = await bytes_each(4000, lambda number: broker.counters.add(f"login-failures:{number:020}", 600))
    await broker.stop()

    print(f"bytes: presence {presence:.0f}, session {sessions:.0f}, counter {counters:.0f}")
    assert presence < 450
    assert sessions < 500
    assert counters < 200


async def test_nothing_stays_of_what_has_ended(world: World, redis: Redis):
    """Keys that nobody asks for any more go by themselves."""
    await world.broker.add_presence("news", "c1", ANN, 0.1)
    await world.broker.sessions.put("ann", "1", b"value", 0.1)
    await world.broker.tables.put("nodes", "1", b"value", 0.1)
    await world.broker.counters.add("ann", 0.1)
    await world.broker.counters.take("ann's", 100, 5)
    prefix = world.broker.link.settings.prefix  # type: ignore[attr-defined]  # this broker's own

    await until(lambda: redis.masters[0].ask("KEYS", f"{prefix}:*") == "")


async def test_channel_whose_instance_died_is_counted_right_at_once(world: World):
    """Clients that ended are none, however many there are; users follow within a few calls."""
    dead = [ClientInfo(f"user-{number}", f"dead-{number}") for number in range(2500)]
    for info in dead:
        await world.broker.add_presence("news", info.client, info, 1)
    await world.broker.add_presence("news", "c1", ANN, 60)
    await asyncio.sleep(1.1)

    assert await world.broker.presence("news") == {"c1": ANN}
    assert (await world.broker.presence_stats("news")).clients == 1
    await world.broker.presence_stats("news")
    assert await world.broker.presence_stats("news") == PresenceStats(1, 1)


async def test_values_that_ended_are_forgotten_by_those_who_write(world: World, redis: Redis):
    """A table that is written for ever does not grow for ever."""
    tables = world.broker.tables
    await tables.put("nodes", "stays", b"value", 60)
    for number in range(300):
        await tables.put("nodes", str(number), b"value", 0.001)
    key = world.broker.link.keys.table("nodes").decode()  # type: ignore[attr-defined]  # this broker's own

    assert int(redis.masters[0].ask("HLEN", key)) < 150
    assert await tables.read("nodes") == {"stays": b"value"}
    assert redis.masters[0].ask("HLEN", key) == "1"


FOREIGN: dict[str, tuple[list[str], Callable[[Keys], bytes]]] = {
    "add_presence": (["SET"], lambda keys: keys.presence("news")),
    "presence": (["SADD"], lambda keys: keys.presence("news") + b"e"),
    "sessions.put": (["SET"], lambda keys: keys.sessions("ann")),
    "sessions.get": (["HSET", "1"], lambda keys: keys.sessions("ann")),
    "sessions.sessions_of": (["HSET", "1"], lambda keys: keys.sessions("ann")),
    "tables.read": (["RPUSH"], lambda keys: keys.table("nodes")),
    "counters.add": (["SET"], lambda keys: keys.counter("ann")),
    "counters.get": (["SADD"], lambda keys: keys.counter("ann")),
    "counters.take": (["SET"], lambda keys: keys.counter("ann's")),
}


@pytest.mark.parametrize("name", FOREIGN)
async def test_foreign_key_is_named_and_left_alone(world: World, redis: Redis, name: str):
    """What somebody else put under our prefix is refused by its slug, and is there afterwards as it was."""
    (command, *field), key_of = FOREIGN[name]
    key = key_of(world.broker.link.keys).decode()  # type: ignore[attr-defined]  # this broker's own
    redis.masters[0].ask(command, key, *field, "foreign")
    dump = "EVAL", "return redis.sha1hex(redis.call('DUMP', KEYS[1]))", "1", key
    before = redis.masters[0].ask(*dump)

    with pytest.raises(BrokerError, match="broker_foreign_key"):
        await CALLS[name](world.broker)  # type: ignore[arg-type]  # it is one
    assert redis.masters[0].ask(*dump) == before


async def test_scripts_that_were_flushed_are_loaded_again(world: World, redis: Redis):
    """Nobody notices."""
    await world.broker.counters.add("ann", 60)
    redis.masters[0].ask("SCRIPT", "FLUSH")

    assert (await world.broker.counters.add("ann", 60)).value == 2


async def test_login_locks_are_those_of_all_instances(redis: Redis):
    """Many guesses at once, at two instances, are judged no more often than they would be at one."""
    rules = LockoutSettings(failures=3, account_failures=50, first=60)
    trial = Trial("alice", "192.0.2.1")
    settings = redis.fresh()
    async with started(settings, "a") as (a, _), started(settings, "b") as (b, _):
        one, other = Lockouts(rules, a.counters), Lockouts(rules, b.counters)
        waits = await asyncio.gather(*(lockouts.begin(trial) for lockouts in (one, other) * 20))
        assert sum(wait == 0 for wait in waits) == 3
        assert 50 < await one.wait_seconds(trial) <= 60

        await other.succeed(trial)
        assert await one.wait_seconds(trial) == 0
        rates = [
            AddressRate(LockoutSettings(rate=0.01, burst=4), counted, lambda: 0.0)
            for counted in (a.counters, b.counters)
        ]
        waits = [await rate.take("192.0.2.1") for _ in range(3) for rate in rates]
        assert [wait > 0 for wait in waits] == [False] * 4 + [True] * 2


async def test_user_of_our_prefix_alone_suffices(own_server: RedisServer):
    """Nothing needs a key or a channel that does not begin with the prefix."""
    own_server.ask("ACL", "SETUSER", "gateway", "on", ">secret", "~holdfast:*", "&holdfast:*", "+@all", "-@admin")
    redis = RedisSettings(addresses=(own_server.address,), user="gateway", password=SecretStr("secret"))
    async with started(settings_of(redis), "a") as (broker, seen):
        for call in CALLS.values():
            await call(broker)
        await until(lambda: seen.messages == [b"message"])


# Messages


@pytest.mark.parametrize("mode", ["single", "cluster", pytest.param("sentinel", marks=pytest.mark.proof)])
async def test_messages_reach_the_instance_they_are_for(get_redis: GetRedis, mode: str):
    """One to all comes to all, one to an instance to that alone, each sender's in their order."""
    settings = get_redis(mode).fresh()
    async with started(settings, "a") as (a, seen_a), started(settings, "b{1}") as (b, seen_b):
        for number in range(20):
            await a.send(b"a%d" % number)
            await b.send(b"for a %d" % number, "a")
        await a.send(b"for b", "b{1}")
        await b.send(b"end")
        await until(lambda: seen_a.messages[-1:] == [b"end"] and {b"end", b"for b"} <= set(seen_b.messages))

    to_all = [b"a%d" % number for number in range(20)]
    assert [one for one in seen_a.messages if one in to_all] == to_all
    assert [one for one in seen_b.messages if one in to_all] == to_all
    assert [one for one in seen_a.messages if one.startswith(b"for")] == [b"for a %d" % number for number in range(20)]
    assert [one for one in seen_b.messages if one.startswith(b"for")] == [b"for b"]


async def test_prefixes_hear_nothing_of_each_other(redis: Redis):
    """Two groups of instances may share a Redis."""
    async with started(redis.fresh(), "a") as (a, seen_a), started(redis.fresh(), "a") as (_, seen_b):
        await a.send(b"to all")
        await a.send(b"to a", "a")
        await until(lambda: len(seen_a.messages) == 2)

    assert seen_b.messages == []


async def test_listener_comes_back_and_says_so(own_server: RedisServer):
    """After its connection was cut, messages arrive again, and the instance knows that some may not have."""
    async with started(settings_at(own_server), "a") as (broker, seen):
        for cut in range(1, 4):
            assert own_server.ask("CLIENT", "KILL", "TYPE", "pubsub") == "1"
            await until(lambda cut=cut: len(seen.resumed) == cut)
            await sent(broker, b"%d" % cut)
            await until(lambda cut=cut: seen.messages[-1:] == [b"%d" % cut])

    assert seen.resumed == [set()] * 3
    assert seen.interruptions == 0


async def test_listener_finds_that_nothing_arrives(own_server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    """A connection that is open but deaf is given up: the instance's message to itself does not come."""
    monkeypatch.setattr("holdfast.broker.redis_messages.QUIET_SECONDS", 0.2)
    async with started(settings_at(own_server), "a") as (broker, seen):
        await asyncio.sleep(0.6)
        assert seen.resumed == []
        own_server.ask("CLIENT", "PAUSE", "1000", "ALL")
        await until(lambda: len(seen.resumed) > 0)
        await sent(broker, b"again")
        await until(lambda: seen.messages == [b"again"])


async def test_instance_starts_without_redis():
    """It fails by name until Redis is there, and then hears and keeps."""
    with running_redis() as server:
        settings = settings_at(server, 0.5)
        server.kill()
        async with started(settings, "a") as (broker, seen):
            for call in CALLS.values():
                with pytest.raises(BrokerError, match="broker_unavailable"):
                    await call(broker)
            server.start()
            await until(lambda: seen.resumed == [set()])
            await sent(broker, b"here")
            await until(lambda: seen.messages == [b"here"])
