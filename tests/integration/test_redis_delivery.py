"""Two instances on one Redis: what one publishes the other delivers, whatever happens to the connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from holdfast.broker.redis_keys import slot_of
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo, StreamPosition
from tests.brokers import texts
from tests.parts import require
from tests.redis_brokers import ALL, KEEP, SEND, Instance, running_instance, some_prefix, until
from tests.redis_servers import Cluster, RedisServer, running_cluster, running_redis, running_sentinels

require("redis")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Run one server."""
    with running_redis() as one:
        yield one


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Run a cluster."""
    with running_cluster() as one:
        yield one


@pytest.fixture(scope="module", params=["single", "sentinel", "cluster"])
def where(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Return the settings of each mode."""
    with ExitStack() as stack:
        if request.param == "single":
            addresses = [stack.enter_context(running_redis()).address]
        elif request.param == "sentinel":
            addresses = stack.enter_context(running_sentinels()).addresses
        else:
            addresses = stack.enter_context(running_cluster()).addresses
        yield {"mode": request.param, "addresses": addresses}


@pytest.fixture
async def pair(server: RedisServer) -> AsyncIterator[tuple[Instance, Instance]]:
    """Run two instances on one server."""
    prefix = some_prefix()
    async with (
        running_instance([server.address], prefix=prefix) as one,
        running_instance([server.address], prefix=prefix) as other,
    ):
        yield one, other


async def test_what_one_instance_publishes_the_others_deliver(where: dict[str, Any]):
    """Publications come in order, with joins and leaves, in every mode; the publisher's own instance has them too."""
    where = {**where, "prefix": some_prefix()}
    async with running_instance(**where) as one, running_instance(**where) as other:
        for name in ("news", "chat"):
            await one.broker.subscribe(name)
            await other.broker.subscribe(name)
        results = await asyncio.gather(*(one.publish("news", f"{number}") for number in range(100)))
        await one.publish("chat", "1", options=SEND)
        await one.broker.publish_join("news", ClientInfo("ann", "c1"))
        await one.broker.publish_leave("news", ClientInfo("ann", "c1"))
        await until(lambda: one.seen.leaves and other.seen.leaves)

        assert [result.position.offset for (result,) in results] == list(range(1, 101))
        for instance in (one, other):
            await until(lambda instance=instance: len(instance.offsets) == 101)
            assert [offset for offset in instance.offsets if offset] == list(range(1, 101))
        assert await other.read("news") == list(range(1, 101))


async def test_unsubscribed_channel_is_not_delivered(pair: tuple[Instance, Instance]):
    """After the last subscriber left nothing of the channel comes."""
    one, other = pair
    await other.broker.subscribe("a")
    await other.broker.subscribe("b")
    await other.broker.unsubscribe("a")
    await one.publish("a", "1")
    await one.publish("b", "1")

    await until(lambda: other.seen.publications)
    assert [name for name, *_ in other.seen.publications] == ["b"]


async def test_lost_link_is_told_of_and_comes_back(server: RedisServer, pair: tuple[Instance, Instance]):
    """After CLIENT KILL each channel is listened to again and named, so that its gap can be filled."""
    one, other = pair
    for number in range(1200):
        await other.broker.subscribe(f"c{number}")
    server.ask("CLIENT", "KILL", "TYPE", "pubsub")
    await until(lambda: set().union(*other.seen.resumed) == {f"c{number}" for number in range(1200)})
    await one.publish("c7", "1")
    await until(lambda: other.seen.publications)

    assert other.seen.interruptions == 1


async def test_subscribing_and_leaving_while_the_link_is_lost(server: RedisServer, pair: tuple[Instance, Instance]):
    """A subscription is made or refused, never half made; one that was ended does not come back."""
    one, other = pair
    await other.broker.subscribe("a")
    await other.broker.subscribe("b")
    server.ask("CLIENT", "KILL", "TYPE", "pubsub")
    await other.broker.unsubscribe("b")
    await _insist(other, "c")
    await until(lambda: {"a"} in other.seen.resumed)
    for name in ("a", "b", "c"):
        await one.publish(name, "1")
    await until(lambda: len(other.seen.publications) == 2)

    assert {name for name, *_ in other.seen.publications} == {"a", "c"}


async def _insist(instance: Instance, channel: str) -> None:
    """Subscribe as soon as the broker lets one."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await instance.broker.subscribe(channel)
            except BrokerError:
                await asyncio.sleep(0.05)


async def test_commands_for_each_call(server: RedisServer, pair: tuple[Instance, Instance]):
    """A publication is one script and nothing else, a subscription one SUBSCRIBE, a history one script."""
    one, other = pair
    options = replace(KEEP, version=1, idempotency_key="k")
    await one.publish("news", "0")
    await one.publish("news", "0", options=SEND)
    await one.read("news")
    await one.broker.history_remove("news")
    server.ask("CONFIG", "RESETSTAT")
    for number in range(10):
        await one.publish("news", "1", options=replace(options, version=number + 1, idempotency_key=f"{number}"))
        await one.publish("news", "1", options=SEND)
        await one.read("news")
        await other.broker.subscribe(f"c{number}")
        await other.broker.unsubscribe(f"c{number}")
    await one.broker.publish_join("news", ClientInfo("ann", "c1"))
    await one.broker.history_remove("news")

    counts = _sent(server)
    assert counts == {"evalsha": 31, "subscribe": 10, "unsubscribe": 10, "publish": 1 + 20}


def _sent(server: RedisServer) -> dict[str, int]:
    """Return how often each command that clients send was run; those in scripts count too, so only some are told."""
    stats = server.ask("INFO", "commandstats").splitlines()
    calls = {
        line.split(":")[0].removeprefix("cmdstat_"): int(line.split("calls=")[1].split(",")[0]) for line in stats[1:]
    }
    return {name: calls[name] for name in ("eval", "evalsha", "subscribe", "unsubscribe", "publish") if name in calls}


async def test_memory_of_a_channel(server: RedisServer, pair: tuple[Instance, Instance]):
    """A position takes at most 200 bytes, and a publication its data and 60; docs/redis.md says so."""
    one, _ = pair
    keys = one.broker.link.keys
    await one.publish("channel-of-30-characters-in-all", "x" * 100)
    meta = int(server.ask("MEMORY", "USAGE", keys.meta("channel-of-30-characters-in-all").decode()))
    await one.publish("channel-of-30-characters-in-all", *["x" * 100] * 999)
    stream = int(server.ask("MEMORY", "USAGE", keys.stream("channel-of-30-characters-in-all").decode(), "SAMPLES", "0"))
    print(f"\nposition {meta} bytes, publication of 100 bytes {stream / 1000:.0f} bytes")

    assert meta <= 200
    assert stream / 1000 <= 160


async def test_slots_that_move_are_followed(cluster: Cluster):
    """While a slot moves and after it no publication is lost or doubled, and the feed goes along."""
    prefix = some_prefix()
    where = {"mode": "cluster", "addresses": cluster.addresses, "prefix": prefix}
    async with running_instance(**where) as one, running_instance(**where) as other:
        await other.broker.subscribe("news")
        await one.publish("news", "0")
        publishing = asyncio.create_task(_publish_for(one, 3.0))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(_move_slot, cluster, slot_of(one.broker.link.keys.channel("news")))
        published = await publishing
        await until(lambda: any("news" in names for names in other.seen.resumed))
        (last,) = await one.publish("news", "last")
        await until(lambda: other.offsets[-1] == last.position.offset)

        top = last.position.offset  # a quick machine publishes more than is kept
        assert await one.read("news") == list(range(max(top - KEEP.history_size, 0) + 1, top + 1))
        assert published == last.position.offset - 2
        assert len(set(other.offsets)) == len(other.offsets)


@pytest.mark.parametrize("mode", ["sentinel", "cluster"])
async def test_killed_master_is_survived(mode: str):
    """What was confirmed by a replica is in the history of its successor, once, and goes on being delivered."""
    running = running_sentinels if mode == "sentinel" else running_cluster
    with running() as servers:
        where = {"mode": mode, "addresses": servers.addresses, "prefix": some_prefix()}
        async with running_instance(**where) as one, running_instance(**where) as other:
            await other.broker.subscribe("news")
            options = replace(KEEP, durability=1)
            for number in range(20):
                await one.publish_until_done("news", f"{number}", options)
            address = await one.broker.link.locate(one.broker.link.keys.stream("news"))
            next(server for server in servers.servers if server.port == address.port).kill()
            for number in range(20, 40):  # the successor may have no replica left to confirm anything
                await one.publish_until_done("news", f"{number}")
            await until(lambda: other.seen.resumed)
            position = await _publish_until_delivered(one, other)
            found = texts((await other.broker.history("news", ALL)).publications)

            assert found[:40] == [f"{number}" for number in range(40)]
            assert len(found) == position.offset
            assert len(set(other.offsets)) == len(other.offsets)


async def _publish_until_delivered(one: Instance, other: Instance) -> StreamPosition:
    """Publish until something arrives; on a busy machine sentinels may change their mind more than once."""
    for number in range(100):
        try:
            (result,) = await one.publish("news", f"after {number}")
            await until(lambda result=result: result.position.offset in other.offsets, seconds=1)
        except (BrokerError, TimeoutError):
            continue
        else:
            return result.position
    raise AssertionError("nothing is delivered any more")


async def test_channel_whose_slot_is_not_all_moved_is_published_into(cluster: Cluster):
    """Where its keys are already, also if that master has never seen the scripts."""
    where = {"mode": "cluster", "addresses": cluster.addresses, "prefix": some_prefix()}
    async with running_instance(**where) as one:
        await one.publish("news", "1")
        slot = slot_of(one.broker.link.keys.channel("news"))
        target, finish = await asyncio.to_thread(_begin_move, cluster, slot)
        target.ask("SCRIPT", "FLUSH")
        try:
            results = await one.publish("news", "2", "3")
        finally:
            await asyncio.to_thread(finish)

        assert [one.position.offset for one in results] == [2, 3]
        assert await one.read("news") == [1, 2, 3]


async def _publish_for(one: Instance, seconds: float) -> int:
    """Publish for a while; return how many were acknowledged."""
    loop = asyncio.get_running_loop()
    ends_at, count = loop.time() + seconds, 0
    while loop.time() < ends_at:
        await one.publish("news", "x")
        count += 1
        await asyncio.sleep(0.002)
    return count


def _move_slot(cluster: Cluster, slot: int) -> None:
    """Move a slot with its keys from its master to another, step by step, as redis-cli does."""
    _, finish = _begin_move(cluster, slot)
    finish()


def _begin_move(cluster: Cluster, slot: int) -> tuple[RedisServer, Callable[[], None]]:
    """Move the keys of a slot; return the server that has them, and what moves the slot."""
    ids = {one.address: one.ask("CLUSTER", "MYID") for one in cluster.masters()}
    lines = cluster.servers[0].ask("CLUSTER", "NODES").splitlines()

    def has(line: str) -> bool:
        ranges = [part.split("-") for part in line.split()[8:] if not part.startswith("[")]
        return any(int(one[0]) <= slot <= int(one[-1]) for one in ranges)

    owner = next(line.split()[1].split("@")[0] for line in lines if "master" in line and has(line))
    source = next(one for one in cluster.masters() if one.address == owner)
    target = next(one for one in cluster.masters() if one.address != owner)
    target.ask("CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[source.address])
    source.ask("CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[target.address])
    while keys := source.ask("CLUSTER", "GETKEYSINSLOT", str(slot), "10").split():
        answer = source.ask("MIGRATE", "127.0.0.1", str(target.port), "", "0", "5000", "KEYS", *keys)
        assert answer in {"OK", "NOKEY"}, answer

    def finish() -> None:
        for one in (target, source, *cluster.masters()):
            one.ask("CLUSTER", "SETSLOT", str(slot), "NODE", ids[target.address])

    return target, finish
