from __future__ import annotations

import asyncio

import pytest

from holdfast.connections import ticker
from holdfast.connections.ticker import check_forever, tick_forever
from tests.brokers import Clock
from tests.live import World


class Sleeper:
    """Lets the clock pass and ends the loop after some turns."""

    def __init__(self, clock: Clock, turns: int) -> None:
        self.clock = clock
        self.turns = turns

    async def __call__(self, seconds: float) -> None:
        """Pass the time, or end."""
        if self.turns == 0:
            raise asyncio.CancelledError
        self.turns -= 1
        self.clock.advance(seconds)


async def test_tick_pings_and_ends_what_is_due(world: World, clock: Clock) -> None:
    """Handshake deadlines and pings both come from the one ticker."""
    silent, client = world.open(), world.connect()
    client.received()
    with pytest.raises(asyncio.CancelledError):
        await tick_forever(world.core, Sleeper(clock, 122))

    assert silent.transport.closed == (4100, "handshake_timeout")
    assert {} in client.received()


async def test_tick_survives_a_failure(world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in one turn does not stop the wheels."""
    calls: list[int] = []

    def fails() -> None:
        calls.append(1)
        raise ZeroDivisionError

    monkeypatch.setattr(world.core.expiry, "advance", fails)
    with pytest.raises(asyncio.CancelledError):
        await tick_forever(world.core, Sleeper(clock, 3))

    assert len(calls) == 3


async def test_check_refreshes_presence_and_survives(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Presence is kept alive by it, and a failing position check does not stop it."""
    calls: list[int] = []

    async def fails() -> None:
        calls.append(1)
        raise ZeroDivisionError

    client = world.connect(exp=int(clock()) + 10_000)
    client.call("subscribe", channel="a")
    monkeypatch.setattr(world.core.positions, "check", fails)
    with pytest.raises(asyncio.CancelledError):
        await check_forever(world.core, Sleeper(clock, 90))

    assert len(calls) == 90
    assert client.call("presence_stats", channel="a")["presence_stats"]["num_clients"] == 1
    assert ticker.CHECK_EVERY > 0
