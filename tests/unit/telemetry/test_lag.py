from __future__ import annotations

import pytest

from holdfast.telemetry.lag import INTERVAL_SECONDS, LagWindow, measure_forever
from tests.brokers import Clock


class Enough(Exception):
    """Ends the loop that has no end."""


async def test_measure_forever_lateness() -> None:
    """What is told is by how much the interval was overslept, and never a negative number."""
    clock = Clock()
    naps = [INTERVAL_SECONDS, INTERVAL_SECONDS + 0.25, INTERVAL_SECONDS / 2]
    seen: list[float] = []

    async def sleep(seconds: float) -> None:
        assert seconds == INTERVAL_SECONDS
        if not naps:
            raise Enough
        clock.advance(naps.pop(0))

    with pytest.raises(Enough):
        await measure_forever(seen.append, clock, sleep)
    assert seen == [0.0, 0.25, 0.0]


def live(window: LagWindow, clock: Clock, seconds: float, stall: float = 0.0) -> list[float]:
    """Let the loop measure for so long, stalled before each measurement; return the window's value each time."""
    values = []
    end = clock.now + seconds
    while clock.now < end:
        clock.advance(INTERVAL_SECONDS + stall)
        window.observe(stall)
        value = window.value()
        assert value is not None
        values.append(value)
    return values


def test_window_without_a_measurement_has_no_value() -> None:
    """Neither before the first nor after a long time without one."""
    clock = Clock()
    window = LagWindow(4.0, clock)
    assert window.value() is None
    window.observe(0.1)
    clock.advance(10.0)

    assert window.value() is None


def test_quiet_loop_has_no_lag() -> None:
    """And what was before the window is forgotten."""
    clock = Clock()
    window = LagWindow(4.0, clock)
    live(window, clock, 20.0, 2.0)

    assert live(window, clock, 20.0)[-1] == 0.0


@pytest.mark.parametrize("stall", [0.5, 2.0, 10.0, 600.0])
@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_single_stall_is_never_long_above_a_threshold(stall: float, threshold: float) -> None:
    """A level that must last three seconds, over the window that goes with it, is not entered by one fan-out."""
    clock = Clock()
    window = LagWindow(3.0 * 1.25, clock)
    live(window, clock, 10.0)
    values = [*live(window, clock, stall, stall), *live(window, clock, 10.0)]
    above = sum(value >= threshold for value in values)

    assert (above - 1) * INTERVAL_SECONDS < 3.0


def test_loop_that_stalls_again_and_again_is_above_for_good() -> None:
    """Each arrival waits for the rest of a stall, long ones for most of it."""
    clock = Clock()
    window = LagWindow(3.75, clock)
    live(window, clock, 10.0)
    values = live(window, clock, 20.0, 0.9)

    assert all(value >= 0.5 for value in values[4:])


def test_memory_is_bounded_by_the_window() -> None:
    """However long it runs without being asked."""
    clock = Clock()
    window = LagWindow(4.0, clock)
    for _ in range(1000):
        clock.advance(INTERVAL_SECONDS)
        window.observe(0.0)

    assert len(window._measured) <= 17
