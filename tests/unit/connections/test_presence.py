from __future__ import annotations

import pytest

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
