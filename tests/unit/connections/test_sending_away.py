from __future__ import annotations

import asyncio
from random import Random

import pytest

from holdfast.connections.sending_away import Choice, SendingAway
from tests.brokers import Clock
from tests.live import Client
from tests.pair import Pair
from tests.unit.connections.test_farewells import HELLO, MIGRATE

ANNA = Choice(users=("anna",))
SENT_AWAY = (3001, "sent_away")


class Both:
    """Two instances, and time that passes only when told."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.waiting: list[asyncio.Future[None]] = []
        self.here, self.there = (
            SendingAway(one.core, one.cluster.bus, sleep=self._sleep, random=Random(1))
            for one in (pair.here, pair.there)
        )

    async def _sleep(self, seconds: float) -> None:
        self.waiting.append(asyncio.get_running_loop().create_future())
        await self.waiting[-1]

    async def run(self, seconds: float) -> None:
        """Let time pass, a tenth of a second at a time."""
        for _ in range(round(seconds * 10)):
            self.pair.clock.advance(0.1)
            waiting, self.waiting = self.waiting, []
            for one in waiting:
                one.set_result(None)
            for _ in range(5):
                await asyncio.sleep(0)


@pytest.fixture
async def both(clock: Clock) -> Both:
    """Two instances."""
    return Both(await Pair(clock).start())


def gone(clients: list[Client]) -> int:
    """Return how many were closed for this cause."""
    return sum(client.transport.closed == SENT_AWAY for client in clients)


async def test_clients_leave_at_the_rate_on_all_instances(both: Both) -> None:
    """The rate is that of all together; others stay, and nobody is told before his turn."""
    here = [both.pair.here.connect("anna") for _ in range(10)]
    there = [both.pair.there.connect("anna") for _ in range(30)]
    others = [both.pair.here.connect("bob"), both.pair.there.connect("bob")]
    found, missing = await both.here.everywhere("start", ANNA, rate=10)

    assert (found["here"].total, found["there"].total, missing) == (10, 30, [])
    assert all(one.has_changed for one in found.values())
    await both.run(2)
    assert 15 <= gone(here + there) <= 25
    assert 3 <= gone(here) <= 7
    await both.run(2.2)
    assert gone(here + there) == 40
    assert gone(others) == 0
    found, _ = await both.here.everywhere("look", ANNA)
    assert [(one.state, one.left, one.closed) for one in found.values()] == [("idle", 0, 10), ("idle", 0, 30)]


async def test_looking_changes_nothing(both: Both) -> None:
    """Who would be meant is counted: users and addresses together, each connection once."""
    for world in (both.pair.here, both.pair.there):
        world.connect("anna")
        world.connect("bob")
    address = next(iter(both.pair.here.manager.connections.values())).address
    found, _ = await both.here.everywhere("look", Choice(("anna",), (address,)))

    assert [(one.connections, one.chosen, one.state) for one in found.values()] == [(2, 2, "idle"), (2, 2, "idle")]
    assert (await both.here.everywhere("look", Choice(("nobody",))))[0]["there"].chosen == 0
    assert (await both.here.everywhere("look", Choice()))[0]["here"].chosen == 0


async def test_second_order_changes_nothing(both: Both) -> None:
    """One round at a time; what is under way goes on as it is."""
    clients = [both.pair.here.connect("anna") for _ in range(10)]
    await both.here.everywhere("start", ANNA, rate=5)
    again, _ = await both.here.everywhere("start", ANNA, rate=1000)
    await both.run(0.5)

    assert not again["here"].has_changed
    assert gone(clients) <= 4


async def test_cancel_lets_stay_who_was_not_told(both: Both) -> None:
    """On all instances; a second one changes nothing."""
    clients = [both.pair.there.connect("anna") for _ in range(10)]
    await both.here.everywhere("start", ANNA, rate=5)
    await both.run(1)
    cancelled, _ = await both.here.everywhere("cancel", Choice())
    told = gone(clients)
    await both.run(5)

    assert cancelled["there"].has_changed
    assert gone(clients) == told < 10
    assert not (await both.here.everywhere("cancel", Choice()))[0]["there"].has_changed


async def test_client_that_can_move_is_asked_to(both: Both) -> None:
    """As in every planned farewell."""
    client = both.pair.here.connect("anna", HELLO)
    await both.here.everywhere("start", ANNA, rate=10)
    await both.run(0.3)

    assert MIGRATE in client.received()
    assert client.transport.closed is None


async def test_instance_that_does_not_answer_is_named(both: Both) -> None:
    """What could be done is done."""
    client = both.pair.here.connect("anna")
    both.pair.kill(both.pair.there)
    ordering = asyncio.ensure_future(both.here.everywhere("look", ANNA))
    found, missing = await both.pair.until_timers(both.pair.here, ordering)

    assert (found["here"].chosen, missing) == (1, ["there"])
    assert client.transport.closed is None
