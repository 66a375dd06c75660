from __future__ import annotations

import asyncio

import pytest

from holdfast.connections.ring import Ring
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo
from tests.brokers import Clock
from tests.live import World


async def test_advance_keeps_live_entries(world: World, clock: Clock) -> None:
    """The entry of a client that stays outlives its time to live."""
    client = world.connect(exp=int(clock()) + 10_000)
    client.call("subscribe", channel="a")
    for _ in range(10):
        clock.advance(27)
        await world.core.presence.advance(clock() - 1_700_000_000.0)

    assert client.call("presence_stats", channel="a")["presence_stats"]["num_clients"] == 1


async def test_entry_without_refresh_ends(world: World, clock: Clock) -> None:
    """Without a refresh an entry ends by itself."""
    client = world.connect(exp=int(clock()) + 10_000)
    client.call("subscribe", channel="a")
    world.core.presence.discard(client.connection)
    world.core.presence.discard(client.connection)
    clock.advance(61)
    await world.core.presence.advance(61)

    assert client.call("presence_stats", channel="a")["presence_stats"]["num_clients"] == 0


async def test_advance_tries_again_after_a_failure(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is away costs one round, not the keeper."""
    calls: list[str] = []

    async def fails(channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        calls.append(channel)
        raise BrokerError("broker_unavailable")

    client = world.connect()
    client.call("subscribe", channel="a")
    monkeypatch.setattr(world.broker, "add_presence", fails)
    await world.core.presence.advance(27)
    await world.core.presence.advance(54)

    assert calls == ["a", "a"]


async def test_refreshes_of_many_are_under_way_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way to the broker and back is waited for once, not for each connection."""
    arrived, answer = asyncio.Semaphore(0), asyncio.Event()

    async def waits(channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        arrived.release()
        await answer.wait()

    monkeypatch.setattr(Ring, "bucket", lambda ring, number: list(world.core.presence._buckets) if not number else [])
    for _ in range(10):
        world.connect().call("subscribe", channel="a")
    monkeypatch.setattr(world.broker, "add_presence", waits)
    refreshing = asyncio.ensure_future(world.core.presence.advance(27))
    for _ in range(10):
        await arrived.acquire()
    answer.set()

    await refreshing


@pytest.mark.parametrize(("slug", "refreshed"), [("broker_foreign_key", {"a", "b"}), ("broker_unavailable", {"a"})])
async def test_failure_of_one_channel_is_that_channel_s_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, slug: str, refreshed: set[str]
) -> None:
    """Nobody else's entry ends because of it; a broker that is away is not asked for each."""
    seen: set[str] = set()

    async def fails_once(channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        seen.add(channel)
        if channel == "a":
            raise BrokerError(slug)

    monkeypatch.setattr("holdfast.connections.presence._SLICE", 1)
    monkeypatch.setattr(Ring, "bucket", lambda ring, number: list(world.core.presence._buckets) if not number else [])
    for channel in ("a", "b"):
        world.connect().call("subscribe", channel=channel)
    monkeypatch.setattr(world.broker, "add_presence", fails_once)
    await world.core.presence.advance(27)

    assert seen == refreshed


async def test_mistake_of_ours_is_not_taken_for_a_broker_s(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told to whoever drives the keeper."""

    async def fails(*_: object) -> None:
        raise RuntimeError

    world.connect().call("subscribe", channel="a")
    monkeypatch.setattr(world.broker, "add_presence", fails)

    with pytest.raises(RuntimeError):
        await world.core.presence.advance(27)
