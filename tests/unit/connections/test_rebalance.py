from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from holdfast.connections.lifecycle import Phase
from holdfast.connections.rebalance import Rebalance
from holdfast.errors import LifecycleError
from tests.brokers import Clock
from tests.live import Client, World
from tests.unit.connections.conftest import MakeWorld
from tests.unit.connections.test_farewells import HELLO, MIGRATE, share

OTHERS = {"there": 20}
REBALANCED = (3001, "rebalanced")


class Instance:
    """An instance of 60 connections beside one that has 20."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock
        self.others = dict(OTHERS)
        self.events: list[str] = []
        self.rebalance = Rebalance(
            world.core,
            world.settings.rebalance,
            lambda: self.others,
            lambda kind, **facts: self.events.append(kind),
            Random(1),
        )
        world.core.lifecycle.advance(Phase.SERVING)
        self.clients = [world.connect(f"user{number}", HELLO if number % 2 else None) for number in range(60)]

    def run(self, seconds: float) -> None:
        """Let time pass, a tenth of a second at a time."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.rebalance.turn()
            self.world.core.farewells.advance()

    def told(self) -> int:
        """Return how many were closed or asked to move."""
        return sum(_is_told(client) for client in self.clients)


def _is_told(client: Client) -> bool:
    return client.transport.closed is not None or any(b"migrate" in unit for unit in client.transport.units)


@pytest.fixture
async def make(make_world: MakeWorld, clock: Clock) -> Callable[..., Any]:
    """Make an instance with settings of the test's choice."""

    async def instance(**rebalance: Any) -> Instance:
        settings = {"mode": "automatic", "least": 1, "rate": 2, "settle": 10, **rebalance}
        return Instance(await make_world(wrap=share, rebalance=settings), clock)

    return instance


async def test_automatic_sheds_what_is_above_the_mean(make: Callable[..., Any]) -> None:
    """Once the numbers rest, at the rate, who can move is asked to and the others closed, down to the mean."""
    instance = await make()
    instance.run(9)
    assert instance.told() == 0
    instance.run(6)
    assert 6 <= instance.told() <= 12
    assert instance.rebalance.status().state == "shedding"
    instance.run(10)
    instance.others = {"there": 40}
    instance.run(300)

    assert instance.told() == 20
    assert {client.transport.closed for client in instance.clients} == {None, REBALANCED}
    assert any(MIGRATE in client.received() for client in instance.clients)
    status = instance.rebalance.status()
    assert (status.state, status.connections, status.excess) == ("idle", 40, 0)
    assert status.overdue + status.closed == 20
    assert instance.events == ["rebalance.started", "rebalance.ended"]


async def test_advise_only_tells(make: Callable[..., Any]) -> None:
    """It says so, ever more rarely, and sends nobody away."""
    instance = await make(mode="advise")
    instance.run(200)

    assert instance.told() == 0
    assert set(instance.events) == {"rebalance.advised"}
    assert 2 <= len(instance.events) <= 5
    assert instance.rebalance.excess == 20


async def test_off_does_nothing(make: Callable[..., Any]) -> None:
    """Off is off, but for an operator's order."""
    instance = await make(mode="off")
    instance.run(100)
    assert (instance.told(), instance.events) == (0, [])
    assert instance.rebalance.start(rate=10)
    assert not instance.rebalance.start()
    instance.run(3)

    assert instance.told() == 20


async def test_start_has_nothing_to_do_below_the_mean(make: Callable[..., Any]) -> None:
    """An order to shed what is not there changes nothing."""
    instance = await make()
    instance.others = {"there": 100}

    assert not instance.rebalance.start()
    assert instance.rebalance.status().state == "idle"


async def test_round_stops_where_nobody_else_is_known(make: Callable[..., Any]) -> None:
    """While the broker is away nobody is sent to instances that may be gone."""
    instance = await make()
    instance.rebalance.start(rate=10)
    instance.run(1)
    told = instance.told()
    instance.others = {}
    instance.run(3)

    assert 0 < instance.told() == told < 20
    assert instance.rebalance.status().state == "idle"


async def test_round_stops_at_the_mean(make: Callable[..., Any]) -> None:
    """Where clients leave by themselves meanwhile, fewer are sent away."""
    instance = await make()
    instance.rebalance.start()
    instance.run(1)
    for client in instance.clients[:25]:
        client.hang_up(1000)
    instance.run(2)

    assert instance.rebalance.status().state == "idle"
    assert instance.told() <= 4


async def test_cancel(make: Callable[..., Any]) -> None:
    """Nobody more is sent away, and who was asked may stay."""
    instance = await make()
    assert not instance.rebalance.cancel()
    instance.rebalance.start()
    instance.run(3)
    assert instance.rebalance.cancel()
    told = instance.told()
    instance.run(9)

    assert instance.told() == told
    assert instance.rebalance.status().overdue == 0


async def test_rebalance_rests_during_a_drain(make: Callable[..., Any]) -> None:
    """Everybody is sent away then, so orders are refused and a round ends."""
    instance = await make()
    instance.rebalance.start()
    instance.run(1)
    instance.world.core.lifecycle.advance(Phase.LEAVING)
    instance.run(30)

    assert instance.told() <= 3
    with pytest.raises(LifecycleError, match="shutting_down"):
        instance.rebalance.start()


async def test_run_survives_a_failure(make: Callable[..., Any]) -> None:
    """Numbers that cannot be had in one turn may be there in the next."""
    instance = await make()
    turns: list[float] = []

    async def sleep(seconds: float) -> None:
        turns.append(seconds)
        instance.clock.advance(seconds)
        if len(turns) == 3:
            instance.others = None
        if len(turns) == 5:
            instance.others = dict(OTHERS)
        if len(turns) == 30:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await instance.rebalance.run(sleep)

    assert instance.rebalance.status().state == "shedding"
    assert {turns[0], turns[-1]} == {1.0, 0.1}
