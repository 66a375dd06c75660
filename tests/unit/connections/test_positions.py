from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec import Raw

from holdfast.broker.base import History, HistoryFilter
from holdfast.errors import BrokerError
from holdfast.protocol.messages import Publication, StreamPosition
from tests.brokers import Clock
from tests.live import EVERYTHING, Client, World
from tests.unit.connections.conftest import MakeWorld

Ask = Callable[..., Awaitable[History]]


async def positioned(world: World) -> Client:
    """Connect a client with a positioned subscription to `a`."""
    client = world.connect()
    client.call("subscribe", channel="a", positioned=True, recoverable=True)
    await client.pushes()
    return client


async def test_check_leaves_alone_what_is_in_step(world: World, clock: Clock) -> None:
    """A channel that has all the broker has is checked once per interval, without a word."""
    client = await positioned(world)
    client.call("publish", channel="a", data=1)
    await client.pushes()
    clock.advance(41)
    await world.core.positions.check()
    await world.core.positions.check()

    assert await client.pushes() == []
    assert world.hub.unchecked(clock()) == []


async def test_check_finds_a_silent_loss(world: World, clock: Clock) -> None:
    """What the broker has and never came here ends the subscription with 2500, so that the SDK recovers."""
    client = await positioned(world)
    lost = world.hub.deliver
    world.hub.deliver = lambda *arguments: None  # type: ignore[method-assign]  # the link loses it
    client.call("publish", channel="a", data=1)
    world.hub.deliver = lost  # type: ignore[method-assign]  # and works again
    clock.advance(41)
    await world.core.positions.check()
    assert await client.pushes() == []
    clock.advance(1)
    await world.core.positions.check()

    (push,) = await client.pushes()
    assert push["unsubscribe"] == {"code": 2500, "reason": "subscription_insufficient_state"}
    assert client.connection.subs == {}


async def test_check_keeps_a_stream_no_longer_than_its_namespace_says(make_world: MakeWorld, clock: Clock) -> None:
    """A check is a use of the stream, so it lives on for the namespace's `history_meta_ttl` and not the default."""
    world = await make_world(channel={"without_namespace": {**EVERYTHING, "history_meta_ttl": 500}})
    client = await positioned(world)
    epoch = (await world.core.read_top("a")).epoch
    clock.advance(400)
    await world.core.positions.check()
    client.hang_up()
    clock.advance(400)
    assert (await world.core.read_top("a")).epoch == epoch
    clock.advance(501)

    assert (await world.core.read_top("a")).epoch != epoch


async def test_check_gives_a_publication_time_to_arrive(world: World, clock: Clock) -> None:
    """What arrives between suspicion and verdict was no loss."""
    client = await positioned(world)
    deliver = world.hub.deliver
    held: list[tuple[str, Publication, StreamPosition]] = []
    world.hub.deliver = lambda *arguments: held.append(arguments)  # type: ignore[method-assign, assignment]  # late
    client.call("publish", channel="a", data=1)
    world.hub.deliver = deliver  # type: ignore[method-assign]  # the link is quick again
    clock.advance(41)
    await world.core.positions.check()
    deliver(*held[0])
    await world.core.positions.check()

    assert [push["pub"]["data"] for push in await client.pushes()] == [1]


async def test_invalidate_closes_server_side_subscribers(world: World) -> None:
    """A client cannot resubscribe to a server-side channel, so it connects anew; unpositioned ones stay."""
    sub = {"override": {"force_positioning": {"value": True}}}
    server_side = world.connect("bob", subs={"a": sub})
    plain = world.connect("carol")
    plain.call("subscribe", channel="a")
    world.core.positions.invalidate("a")

    assert server_side.transport.closed == (3010, "insufficient_state")
    assert plain.transport.closed is None


async def test_gap_in_the_stream_ends_positioned_subscriptions(world: World) -> None:
    """A skipped offset is noticed at once."""
    client = await positioned(world)
    position = world.hub.position("a")
    assert position is not None
    world.hub.deliver("a", Publication(Raw(b"1"), None, 7), StreamPosition(7, position.epoch))

    assert (await client.pushes())[0]["unsubscribe"]["code"] == 2500


async def test_check_survives_a_broker_that_is_away(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No verdict without the broker's word."""

    async def fails(channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        raise BrokerError("broker_unavailable")

    client = await positioned(world)
    clock.advance(41)
    monkeypatch.setattr(world.broker, "history", fails)
    await world.core.positions.check()
    await world.core.positions.check()

    assert await client.pushes() == []


async def test_check_of_many_channels_lets_the_loop_turn(world: World, clock: Clock) -> None:
    """Thousands of channels that are due together do not hold up everything else."""
    for number in range(500):
        world.hub.begin(str(number))
        world.hub.mark_checked(str(number), clock())
    clock.advance(41)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await world.core.positions.check()
    counting.cancel()

    assert turns >= 2


async def test_check_asks_about_many_channels_at_once_where_that_takes_a_while(world: World, clock: Clock) -> None:
    """All channels are asked about within their interval, each once."""
    client = world.connect()
    for number in range(20):
        client.call("subscribe", channel=f"c{number}", positioned=True)
    positions, asked, most = world.core.positions, list[str](), 0
    positions.at_once, under_way = 5, set[str]()

    async def read_top(channel: str) -> StreamPosition:
        nonlocal most
        asked.append(channel)
        under_way.add(channel)
        most = max(most, len(under_way))
        await asyncio.sleep(0)
        under_way.remove(channel)
        return await world.core.read_top(channel)

    positions._read_top = read_top
    clock.advance(41)
    await positions.check()

    assert (len(asked), len(set(asked)), most) == (20, 20, 5)
    assert world.hub.unchecked(clock()) == []


async def test_check_goes_on_behind_a_channel_of_which_the_broker_has_something_foreign(
    world: World, clock: Clock
) -> None:
    """One channel must not keep all others from being checked for ever."""
    client = world.connect()
    for name in ("bad", "good"):
        client.call("subscribe", channel=name, positioned=True)
    asked: list[str] = []

    async def read_top(channel: str) -> StreamPosition:
        asked.append(channel)
        if channel == "bad":
            raise BrokerError("broker_foreign_key")
        return await world.core.read_top(channel)

    world.core.positions._read_top = read_top
    clock.advance(41)
    await world.core.positions.check()

    assert asked == ["bad", "good"]
