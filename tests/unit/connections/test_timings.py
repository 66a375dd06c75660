from __future__ import annotations

import pytest

from holdfast.connections.timings import REMEMBERED, STAGES, StageSeconds, StageTimings
from holdfast.connections.transport import Handshake
from holdfast.telemetry.metrics import HANDSHAKE_SECONDS
from tests.brokers import Clock
from tests.live import FakeTransport, World


def handshake(upgrade: float = 0.0, command: float = 0.0, token: float = 0.0, accepted_at: float = 10.0) -> Handshake:
    """Make one that passed its steps so many seconds after the accept."""
    steps = {"upgrade": upgrade, "command": command, "token": token}
    return Handshake("/", b"", [], "192.0.2.1", "ws", "attempt", accepted_at=accepted_at, timings=steps)


def test_timings_are_the_time_between_steps() -> None:
    """Each stage begins where the one before ended."""
    timings = StageTimings()
    timings.note(handshake(0.5, 2.0, 2.25), 12.0, 16.25)

    assert timings.recent() == (StageSeconds(0.5, 1.5, 0.25, 4.0),)
    assert timings.answered == 1


def test_timings_of_a_second_connect_leave_out_the_first() -> None:
    """A client that was sent for a fresh token is not said to have had a slow token check."""
    timings = StageTimings()
    timings.note(handshake(0.5, 2.0, 52.5), 62.0, 63.0)

    assert timings.recent()[0] == StageSeconds(0.5, 1.5, 0.5, 0.5)


def test_timings_of_an_unknown_start_are_none() -> None:
    """Where nobody knows when the socket was accepted, nothing is counted."""
    timings = StageTimings()
    timings.note(Handshake("/", b"", [], "192.0.2.1", "ws", "attempt"), 12.0, 12.0)

    assert timings.recent() == ()


def test_timings_fall_between_the_right_bounds() -> None:
    """The histogram's counts are those of Prometheus: a value on a bound belongs below it."""
    timings = StageTimings()
    bound = HANDSHAKE_SECONDS.bounds[3]
    timings.note(handshake(), 10.0, 10.0 + bound)
    timings.note(handshake(), 10.0, 1010.0)
    found = timings.distributions()["connect"]

    assert (found.counts[2] + found.counts[3], found.counts[-1]) == (1, 1)
    assert sum(found.counts) == 2
    assert found.total == pytest.approx(1000.0 + bound)


def test_timings_remember_only_so_many() -> None:
    """Memory does not grow with the number of connects."""
    timings = StageTimings()
    for number in range(REMEMBERED + 5):
        timings.note(handshake(), 10.0, 10.0 + number)

    assert len(timings.recent()) == REMEMBERED
    assert timings.recent()[0].connect == 5.0


async def test_timings_are_taken_of_a_connect(world: World, clock: Clock) -> None:
    """One connect is one entry, with the moments that the manager and the session took."""
    opened_at = clock()
    transport = FakeTransport()
    hello = Handshake("/", b"", [], "192.0.2.1", "ws", "attempt", accepted_at=opened_at)
    clock.advance(1)
    connection = world.manager.open(transport, hello)
    clock.advance(2)
    connection.on_message(b'{"id":1,"connect":{"token":"%s"}}' % world.token().encode(), True)

    assert world.core.timings.recent() == (StageSeconds(1.0, 2.0, 0.0, 0.0),)
    assert set(world.core.timings.distributions()) == set(STAGES)
