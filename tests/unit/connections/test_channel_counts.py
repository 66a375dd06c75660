from __future__ import annotations

import asyncio

import pytest

from holdfast.connections import channel_counts
from holdfast.connections.channel_counts import ChannelCounts
from tests.brokers import Clock
from tests.live import World
from tests.pair import Pair, lone_bus


async def test_counts_are_added_up(clock: Clock) -> None:
    """A channel's number is that of its subscribers on all instances; who does not tell is named."""
    pair = await Pair(clock).start()
    for client in (pair.here.connect(), pair.there.connect(), pair.there.connect()):
        client.call("subscribe", channel="news")
    pair.there.connect().call("subscribe", channel="chat")

    assert await pair.here.cluster.channels.count() == ({"news": 3, "chat": 1}, [])
    assert await pair.there.cluster.channels.count("n*") == ({"news": 3}, [])
    pair.kill(pair.there)
    counting = asyncio.ensure_future(pair.here.cluster.channels.count())
    assert await pair.until_timers(pair.here, counting) == ({"news": 1}, ["there"])


async def test_counts_of_one_instance(world: World) -> None:
    """Alone it has only its own."""
    world.connect().call("subscribe", channel="news")
    counts = ChannelCounts(world.hub, lone_bus(world.core))

    assert await counts.count() == ({"news": 1}, [])
    assert await counts.count("x*") == ({}, [])


async def test_many_channels_are_counted_a_part_at_a_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have their turn between, and what they leave meanwhile is not counted."""
    monkeypatch.setattr(channel_counts, "_SLICE", 2)
    pair = await Pair(clock).start()
    client = pair.here.connect()
    for number in range(5):
        client.call("subscribe", channel=str(number))
    counting = asyncio.ensure_future(pair.here.cluster.channels.count())
    await asyncio.sleep(0)
    client.send({"id": 50, "unsubscribe": {"channel": "4"}})

    assert await counting == ({str(number): 1 for number in range(4)}, [])
