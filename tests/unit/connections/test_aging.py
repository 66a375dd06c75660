from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfast.connections import client_id
from holdfast.connections.aging import due_at
from holdfast.connections.lifecycle import Phase
from tests.brokers import Clock
from tests.live import Client, World
from tests.unit.connections.conftest import MakeWorld

OLD = (3001, "connection_too_old")


@pytest.fixture
def make(make_world: MakeWorld) -> Callable[..., Awaitable[World]]:
    """Make an instance whose connections may get 1000 s old."""

    async def world(**settings: Any) -> World:
        return await make_world(client={"max_connection_age": 1000}, **settings)

    return world


def left(clients: list[Client]) -> int:
    """Return how many are there."""
    return sum(client.transport.closed is None for client in clients)


def pass_time(world: World, clock: Clock, seconds: float) -> None:
    """Turn the wheels for so long."""
    for _ in range(round(seconds / 2)):
        clock.advance(2)
        world.core.aging.advance(clock())


def test_due_at_is_spread() -> None:
    """Every client has its own moment between 80 and 100 % of the age, and always the same."""
    clients = [client_id.make(1000.0) for _ in range(500)]
    moments = [due_at(client, 100.0) for client in clients]

    assert 1080 <= min(moments) < 1083
    assert 1097 < max(moments) <= 1100
    assert moments == [due_at(client, 100.0) for client in clients]


async def test_connections_leave_at_their_age(make: Callable[..., Awaitable[World]], clock: Clock) -> None:
    """Nobody goes before 80 %, all are gone at 100 %, evenly between; younger ones stay."""
    world = await make()
    clients = [world.connect(f"user{number}") for number in range(200)]
    pass_time(world, clock, 798)
    young = world.connect("young")
    assert left(clients) == 200
    pass_time(world, clock, 100)
    assert 60 <= left(clients) <= 140
    pass_time(world, clock, 104)

    assert {client.transport.closed for client in clients} == {OLD}
    assert young.transport.closed is None


async def test_age_is_off_by_default(world: World, clock: Clock) -> None:
    """Without the setting nobody is too old."""
    client = world.connect()
    pass_time(world, clock, 10_000)

    assert client.transport.closed is None


async def test_clock_that_leaps_sends_nobody_in_a_storm(make: Callable[..., Awaitable[World]], clock: Clock) -> None:
    """A clock set forward makes all too old at once; they leave at twice the usual pace at most."""
    world = await make(admission={"max_connections": 100})
    clients = [world.connect(f"user{number}") for number in range(100)]
    clock.advance(1_000_000)
    world.core.aging.advance(clock())
    pass_time(world, clock, 20)

    assert 100 - left(clients) <= 22
    pass_time(world, clock, 100)
    assert left(clients) == 0


async def test_many_are_looked_at_in_slices(make: Callable[..., Awaitable[World]], clock: Clock) -> None:
    """However many are old, one turn looks at some of them, and all have their turn."""
    world = await make()
    clients = [world.connect(f"user{number}") for number in range(1200)]
    clock.advance(1001)
    told = []
    for _ in range(4):
        clock.advance(0.5)
        world.core.aging.advance(clock() + 1000 * len(told))  # whatever the pace allows
        told.append(1200 - left(clients))

    assert told[0] <= 1
    assert told[1:] == [501, 1001, 1200]


async def test_age_rests_during_a_drain(make: Callable[..., Awaitable[World]], clock: Clock) -> None:
    """Everybody leaves at the drain's pace then."""
    world = await make()
    client = world.connect()
    world.core.lifecycle.advance(Phase.LEAVING)
    pass_time(world, clock, 2000)

    assert client.transport.closed is None
