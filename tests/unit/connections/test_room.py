"""Who has to go where an instance is full."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.connections.room import PATIENCE_SECONDS, longest_idle
from tests.brokers import Clock
from tests.live import Client, World


@pytest.fixture
async def world() -> World:
    """An instance with a clock that stands still."""
    return await World(Clock(1000.0)).start()


def came(world: World, **given: Any) -> Client:
    """Return somebody who comes now."""
    return world.open(accepted_at=world.core.clock(), **given)


def idle(world: World) -> Any:
    """Return who has to go."""
    return longest_idle(world.manager.opening, world.core.clock())


async def test_longest_idle_is_the_oldest_that_had_its_time(world: World) -> None:
    """Nobody goes before a client can be expected to have connected."""
    first = came(world)
    world.clock.advance(PATIENCE_SECONDS - 0.5)
    second = came(world)
    assert idle(world) is None
    world.clock.advance(0.5)
    assert idle(world) is first.connection
    first.hang_up()
    assert idle(world) is None
    world.clock.advance(PATIENCE_SECONDS)

    assert idle(world) is second.connection


async def test_longest_idle_passes_over_who_waits_for_us(world: World) -> None:
    """A connect that is in work is our delay, and an accept at an unknown time proves nothing."""
    busy, unknown, silent = came(world), world.open(), came(world)
    busy.connection.task = object()  # type: ignore[assignment]  # all that counts is that there is one
    world.clock.advance(PATIENCE_SECONDS)

    assert idle(world) is silent.connection
    busy.connection.task = None
    unknown.hang_up()


async def test_manager_makes_room_with_a_cause(world: World) -> None:
    """Who goes is told so, and counted no more; sessions stay whatever happens."""
    session = came(world)
    session.call("connect", token=world.token())
    stranger = came(world)
    world.clock.advance(PATIENCE_SECONDS)

    assert world.manager.make_room()
    assert stranger.transport.closed is not None
    assert stranger.connection.ending == "handshake_timeout"
    assert not world.manager.make_room()
    assert world.manager.total == 1
    session.hang_up()
