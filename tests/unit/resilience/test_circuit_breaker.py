"""The breaker opens for a share of failures, tries one call at a time, and hears nothing of the past."""

from __future__ import annotations

import pytest

from holdfast.resilience.circuit_breaker import BreakerRules, BreakerState, CircuitBreaker
from tests.brokers import Clock

RULES = BreakerRules(window_seconds=10, min_calls=4, failure_ratio=0.5, open_seconds=5)


class World:
    """A breaker, its clock, and what it told."""

    def __init__(self, rules: BreakerRules = RULES) -> None:
        self.clock = Clock(1000.0)
        self.changes: list[BreakerState] = []
        self.breaker = CircuitBreaker(rules, self.clock, self.changes.append)

    def end(self, *failures: bool) -> None:
        """Make calls that end so."""
        for is_failure in failures:
            permit = self.breaker.allow()
            assert permit is not None
            self.breaker.record(permit, is_failure=is_failure)


@pytest.fixture
def world() -> World:
    """A closed breaker."""
    return World()


def test_breaker_would_allow_takes_no_permit(world: World) -> None:
    """It can be asked as often as one likes; while the one probe is under way it says no."""
    assert world.breaker.would_allow()
    world.end(True, True, True, True)
    assert not world.breaker.would_allow()
    world.clock.now += RULES.open_seconds

    assert world.breaker.would_allow()
    assert world.breaker.would_allow()
    permit = world.breaker.allow()
    assert permit is not None
    assert not world.breaker.would_allow()
    world.breaker.forget(permit)
    assert world.breaker.would_allow()


def test_breaker_trips_from_outside(world: World) -> None:
    """It opens without a single failure, and stays open for as long after the last time."""
    world.breaker.trip()
    world.clock.now += RULES.open_seconds - 1
    world.breaker.trip()
    assert world.changes == [BreakerState.OPEN]
    world.clock.now += RULES.open_seconds - 1
    assert world.breaker.allow() is None
    world.clock.now += 1

    assert world.breaker.allow() is not None


def test_breaker_opens_at_the_share_of_failures(world: World) -> None:
    """Half of four calls is enough; then none passes."""
    world.end(False, True, False)
    assert world.breaker.state is BreakerState.CLOSED
    world.end(True)

    assert world.breaker.state is BreakerState.OPEN
    assert world.breaker.allow() is None
    assert world.breaker.wait_seconds() == 5
    assert world.changes == [BreakerState.OPEN]


def test_breaker_waits_for_enough_calls(world: World) -> None:
    """Three failures in a row are no share yet."""
    world.end(True, True, True)

    assert world.breaker.state is BreakerState.CLOSED


def test_breaker_forgets_what_left_the_window(world: World) -> None:
    """Failures of ten seconds ago do not count."""
    world.end(True, True, True)
    world.clock.advance(10.5)
    world.end(True)

    assert world.breaker.state is BreakerState.CLOSED


def test_breaker_lets_one_probe_through(world: World) -> None:
    """After the pause exactly one call passes, and its success closes the breaker."""
    world.end(True, True, True, True)
    world.clock.advance(5)

    assert world.breaker.state is BreakerState.HALF_OPEN
    permit = world.breaker.allow()
    assert permit is not None
    assert world.breaker.allow() is None
    world.breaker.record(permit, is_failure=False)
    assert world.breaker.state is BreakerState.CLOSED
    assert world.breaker.allow() is not None
    assert world.changes == [BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]


def test_breaker_opens_again_after_a_failed_probe(world: World) -> None:
    """And counts the pause anew."""
    world.end(True, True, True, True)
    world.clock.advance(6)
    world.end(True)

    assert world.breaker.state is BreakerState.OPEN
    assert world.breaker.wait_seconds() == 5


def test_breaker_takes_a_new_probe_for_a_cancelled_one(world: World) -> None:
    """A probe that tells nothing does not block the next."""
    world.end(True, True, True, True)
    world.clock.advance(5)
    permit = world.breaker.allow()
    assert permit is not None
    world.breaker.forget(permit)

    assert world.breaker.allow() is not None


def test_breaker_ignores_calls_of_before(world: World) -> None:
    """A slow call allowed before the breaker opened decides nothing about the probe."""
    late = world.breaker.allow()
    assert late is not None
    world.end(True, True, True, True)
    world.clock.advance(5)
    probe = world.breaker.allow()
    world.breaker.record(late, is_failure=False)
    world.breaker.forget(late)

    assert probe is not None
    assert world.breaker.state is BreakerState.HALF_OPEN
    assert world.breaker.allow() is None


def test_breaker_closes_from_outside(world: World) -> None:
    """Who knows better may close it; the probe that is under way then decides nothing."""
    world.end(True, True, True, True)
    world.clock.advance(5)
    probe = world.breaker.allow()
    assert probe is not None
    world.breaker.close()
    world.breaker.close()
    world.breaker.record(probe, is_failure=True)

    assert world.breaker.state is BreakerState.CLOSED
    assert world.changes[-2:] == [BreakerState.HALF_OPEN, BreakerState.CLOSED]


def test_breaker_without_a_ratio_never_opens() -> None:
    """0 switches it off."""
    world = World(BreakerRules(min_calls=1, failure_ratio=0))
    world.end(*[True] * 100)

    assert world.breaker.state is BreakerState.CLOSED
    assert world.breaker.wait_seconds() == 0
