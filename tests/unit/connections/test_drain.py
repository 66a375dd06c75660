from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from holdfast.connections.drain import FETCH_GRACE, REPLY_GRACE, STEP, Drain, Order
from holdfast.connections.lifecycle import Phase
from holdfast.errors import LifecycleError
from tests.brokers import Clock
from tests.live import Client, World
from tests.unit.connections.conftest import MakeWorld
from tests.unit.connections.test_farewells import HELLO, MIGRATE, share

SETTINGS = {"shutdown": {"drain_window": 10, "propagation_wait": 3, "drain_min_rate": 0, "migrate_grace": 4}}


class Instance:
    """An instance with peers whose drain can be watched: `at_step` is called whenever it sleeps."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock
        self.events: list[tuple[str, dict[str, object]]] = []
        self.at_step: Callable[[], object] = lambda: None
        self.drain = Drain(world.core, world.settings.shutdown, self.emit, sleep=self.sleep, random=Random(1))
        world.core.lifecycle.advance(Phase.SERVING)

    def emit(self, kind: str, **facts: object) -> None:
        """Remember an event."""
        self.events.append((kind, facts))

    async def sleep(self, seconds: float) -> None:
        """Let the clock pass at once."""
        self.at_step()
        self.clock.advance(seconds)
        await asyncio.sleep(0)

    async def until(self, state: str) -> None:
        """Let an ordered drain go on until it is there."""
        for _ in range(100_000):
            if self.drain.status().state == state:
                return
            await asyncio.sleep(0)
        raise AssertionError(self.drain.status())

    async def at_rest(self) -> None:
        """Let tasks go on for a while."""
        for _ in range(100):
            await asyncio.sleep(0)

    async def at(self, elapsed: float) -> None:
        """Let an ordered drain go on for so long."""
        ends_at = self.clock() + elapsed
        for _ in range(100_000):
            if self.clock() >= ends_at:
                return
            await asyncio.sleep(0)
        raise AssertionError(self.clock())


@pytest.fixture
async def make(make_world: MakeWorld, clock: Clock) -> Callable[..., Any]:
    """Make an instance with settings of the test's choice."""

    async def instance(**shutdown: Any) -> Instance:
        return Instance(await make_world(wrap=share, shutdown={**SETTINGS["shutdown"], **shutdown}), clock)

    return instance


@pytest.fixture
async def instance(make: Callable[..., Any]) -> Instance:
    """An instance with peers: 3 s until balancers know, then a window of 10 s, 4 s to move."""
    found: Instance = await make()
    return found


def closed(clients: list[Client]) -> int:
    """Return how many are closed."""
    return sum(client.transport.closed is not None for client in clients)


async def test_stop_spreads_the_goodbyes(instance: Instance) -> None:
    """At every moment of the window an even part has been told to leave, each with 3001."""
    clients = [instance.world.connect(f"user{number}") for number in range(100)]
    told: list[int] = []
    instance.at_step = lambda: told.append(closed(clients))
    await instance.drain.stop()

    assert {client.transport.closed for client in clients} == {(3001, "shutdown")}
    steps = [after - before for before, after in itertools.pairwise(told)]
    assert max(steps) <= 100 * STEP / 10 + 1
    assert len(steps) >= 10 / STEP - 1
    assert instance.world.core.lifecycle.phase is Phase.STOPPING


async def test_stop_order_is_random(instance: Instance) -> None:
    """Who connected first does not leave first."""
    clients = [instance.world.connect(f"user{number}") for number in range(50)]
    order: list[int] = []
    instance.at_step = lambda: order.extend(
        n for n, one in enumerate(clients) if one.transport.closed and n not in order
    )
    await instance.drain.stop()

    assert order != sorted(order)


async def test_stop_asks_who_can_move(instance: Instance) -> None:
    """Those are asked in time to move before the end, keep their time, and are closed at the end if they stayed."""
    movers = [instance.world.connect(f"mover{number}", HELLO) for number in range(12)]
    asked_at: dict[int, float] = {}
    closed_at: dict[int, float] = {}
    started = instance.clock() + 3

    def look() -> None:
        for number, mover in enumerate(movers):
            if number not in asked_at and MIGRATE in mover.received():
                asked_at[number] = instance.clock() - started
            if mover.transport.closed and number not in closed_at:
                closed_at[number] = instance.clock() - started
        if asked_at and movers[min(asked_at)].transport.closed is None:
            movers[min(asked_at)].hang_up(1000)

    instance.at_step = look
    await instance.drain.stop()
    look()

    assert len(asked_at) == 12
    assert max(asked_at.values()) <= 6 + 2 * STEP
    stayed = [number for number in asked_at if number in closed_at]
    assert stayed
    assert all(closed_at[number] - asked_at[number] >= 4 - 2 * STEP for number in stayed)
    status = instance.drain.status()
    assert status.moved + status.overdue == 12
    assert status.moved >= 1


@pytest.mark.parametrize("window", [0.0, 1.0])
async def test_stop_reaches_late_and_opening_connections(make: Callable[..., Any], window: float) -> None:
    """Nobody is left, whenever it came."""
    instance = await make(drain_window=window, propagation_wait=0)
    first, opening = instance.world.connect(), instance.world.open()
    late: list[Client] = []
    instance.at_step = lambda: late or late.append(instance.world.connect("late"))
    await instance.drain.stop()

    assert all(client.transport.closed == (3001, "shutdown") for client in (first, opening, *late))
    assert instance.world.manager.everybody() == []


@pytest.mark.parametrize("answers", [True, False])
async def test_stop_lets_replies_under_way_come_first(make: Callable[..., Any], answers: bool) -> None:
    """Who waits for a reply is told to go behind it, but nobody is waited for without end."""
    instance = await make(drain_window=0.1, propagation_wait=0)
    client, clock = instance.world.connect(), instance.clock
    client.connection.task = task = asyncio.create_task(asyncio.sleep(0))
    started = clock()

    def step() -> None:
        assert client.transport.closed is None
        if answers and clock() - started > 0.3:
            client.connection.send(b'{"id":9}')
            client.connection.task = None

    instance.at_step = step
    await instance.drain.stop()
    await task

    assert client.transport.closed == (3001, "shutdown")
    assert ({"id": 9} in client.received()) is answers
    assert clock() - started < 0.1 + REPLY_GRACE + 2 * STEP


@pytest.mark.parametrize("comes", [True, False])
async def test_stop_waits_for_polls_to_come_for_their_goodbye(instance: Instance, comes: bool) -> None:
    """A client between two polls gets its last word before the process ends, unless it stays away."""
    owed = [1]
    instance.world.core.unfetched_goodbyes = lambda: owed[0]
    started = instance.clock()

    def step() -> None:
        if comes and instance.clock() - started > 3.3:
            owed[0] = 0

    instance.at_step = step
    await instance.drain.stop()

    assert instance.clock() - started == pytest.approx(3.3 if comes else 3 + FETCH_GRACE, abs=3 * STEP)


async def test_ordered_drain_stays_up(instance: Instance) -> None:
    """Balancers are told first, then newcomers refused and clients sent away; afterwards it waits to be stopped."""
    clients = [instance.world.connect(f"user{number}") for number in range(20)]
    lifecycle = instance.world.core.lifecycle
    phases: list[Phase] = []
    instance.drain.on_phase = lambda: phases.append(lifecycle.phase)
    assert instance.drain.status().state == "serving"
    assert instance.drain.start(Order(reason="new kernel"))
    leaving = instance.drain.status()
    assert (leaving.state, leaving.reason, leaving.total) == ("leaving", "new kernel", 20)
    assert leaving.seconds_left == pytest.approx(13, abs=0.1)
    assert lifecycle.is_leaving
    assert not lifecycle.refuses_handshakes
    await instance.until("draining")
    assert instance.drain.rate == pytest.approx(2)
    assert not instance.drain.start(Order(window=1))
    await instance.until("drained")

    status = instance.drain.status()
    assert phases == [Phase.LEAVING, Phase.DRAINING]
    assert closed(clients) == 20
    assert (status.connections, status.total, status.closed, status.seconds_left) == (0, 20, 20, 0)
    assert status.has_peers
    assert instance.drain.rate == 0
    assert lifecycle.refuses_handshakes
    assert not lifecycle.refuses_publications
    assert not instance.drain.start(Order())
    assert [kind for kind, _ in instance.events] == ["drain.started", "drain.ended"]


async def test_ordered_drain_keeps_to_the_rates(make: Callable[..., Any]) -> None:
    """However short the window, no more than the most leave in a second; a stop keeps to its window."""
    instance = await make(drain_max_rate=10, propagation_wait=0)
    for number in range(100):
        instance.world.connect(f"user{number}")
    instance.drain.start(Order(window=0))
    await instance.until("draining")

    assert instance.drain.status().rate == 10
    started = instance.clock()
    await instance.until("drained")
    assert instance.clock() - started == pytest.approx(10, abs=1)


async def test_cancelled_drain_serves_again(instance: Instance) -> None:
    """Newcomers are let in, who has not been told stays, and another drain can be ordered."""
    clients = [instance.world.connect(f"user{number}") for number in range(20)]
    instance.drain.start(Order())
    await instance.until("draining")
    await instance.at(5)
    assert await instance.drain.cancel()
    left = 20 - closed(clients)
    await instance.at_rest()

    assert 5 <= left <= 15
    assert 20 - closed(clients) == left
    assert instance.world.core.lifecycle.phase is Phase.SERVING
    assert instance.drain.status().state == "serving"
    assert not await instance.drain.cancel()
    assert instance.events[-1][0] == "drain.cancelled"
    assert instance.drain.start(Order(window=0))
    await instance.until("drained")
    assert instance.drain.status().closed == left
    assert await instance.drain.cancel()
    assert not instance.world.core.lifecycle.is_leaving


async def test_cancel_is_overtaken_by_a_stop(instance: Instance) -> None:
    """SIGTERM in the very moment of a cancel wins: nothing serves that is stopping."""
    client = instance.world.connect()
    instance.drain.start(Order())
    await instance.until("draining")
    cancelled, _ = await asyncio.gather(instance.drain.cancel(), instance.drain.stop(), return_exceptions=True)

    assert isinstance(cancelled, LifecycleError)
    assert instance.world.core.lifecycle.phase is Phase.STOPPING
    assert client.transport.closed == (3001, "shutdown")


async def test_cancel_twice_at_once_is_one(instance: Instance) -> None:
    """Two operators have one wish, which is told once."""
    instance.world.connect()
    instance.drain.start(Order())
    await instance.until("draining")

    assert sorted(await asyncio.gather(instance.drain.cancel(), instance.drain.cancel())) == [False, True]
    assert [kind for kind, _ in instance.events].count("drain.cancelled") == 1


async def test_stop_goes_on_with_an_ordered_drain(instance: Instance) -> None:
    """SIGTERM neither begins anew nor waits for balancers again, and the end is told once."""
    clients = [instance.world.connect(f"user{number}") for number in range(20)]
    instance.drain.start(Order(window=10))
    await instance.until("draining")
    await instance.at(6)
    started = instance.clock()
    await instance.drain.stop()

    assert closed(clients) == 20
    assert instance.clock() - started == pytest.approx(4, abs=1)
    assert instance.drain.status().total == 20
    assert [kind for kind, _ in instance.events] == ["drain.started", "drain.ended"]


async def test_stop_after_an_ordered_drain_is_quick(instance: Instance) -> None:
    """With nobody left there is nothing to wait for."""
    instance.drain.start(Order(window=0))
    await instance.until("drained")
    started = instance.clock()
    await instance.drain.stop()

    assert instance.clock() == started
    assert instance.drain.status().state == "stopping"
    assert [kind for kind, _ in instance.events] == ["drain.started", "drain.ended"]


async def test_stop_during_the_wait_for_balancers_goes_on_there(instance: Instance) -> None:
    """What has been waited counts."""
    instance.world.connect()
    instance.drain.start(Order(window=0))
    started = instance.clock()
    await instance.drain.stop()

    assert instance.clock() - started <= 3 + REPLY_GRACE


async def test_orders_are_refused_while_it_stops(instance: Instance) -> None:
    """What is stopping cannot be brought back."""
    await instance.drain.stop()
    with pytest.raises(LifecycleError, match="shutting_down"):
        instance.drain.start(Order())
    with pytest.raises(LifecycleError, match="shutting_down"):
        await instance.drain.cancel()


async def test_failed_drain_is_logged(instance: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug leaves a state that can be seen and cancelled."""
    instance.world.connect()

    def fail() -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr(instance.world.manager, "everybody", fail)
    instance.drain.start(Order())
    await instance.until("draining")
    await instance.at_rest()

    assert instance.drain.status().state == "draining"
    assert await instance.drain.cancel()
