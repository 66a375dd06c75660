from __future__ import annotations

import asyncio
import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.connections.drain import REPLY_GRACE, STEP, drain, pacing, quota
from holdfast.settings import ShutdownSettings
from tests.brokers import Clock
from tests.live import World


@given(st.integers(0, 100_000), st.floats(0, 600), st.floats(0, 540))
def test_quota_follows_the_window(total: int, elapsed: float, window: float) -> None:
    """Never more than everybody, never less than an even pace allows, everybody at the end."""
    due = quota(total, elapsed, window)

    assert 0 <= due <= total
    if elapsed >= window:
        assert due == total
    else:
        assert due <= total * elapsed / window


async def test_drain_spreads_the_goodbyes(world: World, clock: Clock) -> None:
    """At every moment of the window an even part has been told to leave, each with 3001."""
    clients = [world.connect(f"user{number}") for number in range(100)]
    told: list[int] = []

    async def sleep(seconds: float) -> None:
        told.append(sum(client.transport.closed is not None for client in clients))
        clock.advance(seconds)

    count = await drain(world.manager, 2.0, clock, sleep, Random(1))

    assert count == 100
    assert {client.transport.closed for client in clients} == {(3001, "shutdown")}
    steps = [after - before for before, after in itertools.pairwise(told)]
    assert max(steps) <= 100 * STEP / 2.0 + 1


async def test_drain_order_is_random(world: World, clock: Clock) -> None:
    """Who connected first does not leave first."""
    clients = [world.connect(f"user{number}") for number in range(50)]
    order: list[int] = []

    async def sleep(seconds: float) -> None:
        order.extend(n for n, client in enumerate(clients) if client.transport.closed and n not in order)
        clock.advance(seconds)

    await drain(world.manager, 2.0, clock, sleep, Random(1))

    assert order != sorted(order)


@pytest.mark.parametrize("window", [0.0, 1.0])
async def test_drain_reaches_late_and_opening_connections(world: World, clock: Clock, window: float) -> None:
    """Nobody is left, whenever it came."""
    first, opening = world.connect(), world.open()
    late = []

    async def sleep(seconds: float) -> None:
        if not late:
            late.append(world.connect("late"))
        clock.advance(seconds)

    await drain(world.manager, window, clock, sleep)

    assert all(client.transport.closed == (3001, "shutdown") for client in (first, opening, *late))
    assert world.manager.everybody() == []


def test_pacing_of_an_instance_without_peers() -> None:
    """Alone there is nothing to wait for and little to pace; with peers the settings hold."""
    slow = ShutdownSettings(propagation_wait=15, drain_window=60)

    assert pacing(slow, is_shared=False) == (0.0, 2.0)
    assert pacing(slow, is_shared=True) == (15.0, 60.0)
    assert pacing(ShutdownSettings(drain_window=0.5), is_shared=False) == (0.0, 0.5)


@pytest.mark.parametrize("answers", [True, False])
async def test_drain_lets_replies_under_way_come_first(world: World, clock: Clock, answers: bool) -> None:
    """Who waits for a reply is told to go behind it, but nobody is waited for without end."""
    client = world.connect()
    client.connection.task = task = asyncio.create_task(asyncio.sleep(0))
    started = clock()

    async def sleep(seconds: float) -> None:
        assert client.transport.closed is None
        clock.advance(seconds)
        if answers and clock() - started > 0.3:
            client.connection.send(b'{"id":9}')
            client.connection.task = None

    assert await drain(world.manager, 0.1, clock, sleep) == 1
    await task

    assert client.transport.closed == (3001, "shutdown")
    assert ({"id": 9} in client.received()) is answers
    assert clock() - started < 0.1 + REPLY_GRACE + 2 * STEP
