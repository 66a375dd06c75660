"""Refusals beyond a rate make the listeners pause."""

from __future__ import annotations

import pytest

from holdfast.admission.refusal_rate import RefusalRate, refusal_bucket
from tests.brokers import Clock


class World:
    """A rate of 100 refusals, 50 accepts a second."""

    def __init__(self, rate: float = 100) -> None:
        self.clock = Clock(1000.0)
        self.refusals = RefusalRate(refusal_bucket(rate), 50, self.clock)
        self.asked: list[tuple[float, float]] = []
        self.refusals.pause = lambda *asked: self.asked.append(asked)

    def refuse(self, count: int) -> None:
        """Refuse so many in one moment."""
        for _ in range(count):
            self.refusals.take()


def test_refusals_within_the_burst_pause_nothing() -> None:
    """A tenth of a second's refusals may come at once, and go on at the rate."""
    world = World()
    world.refuse(9)
    for _ in range(50):
        world.clock.advance(0.01)
        world.refuse(1)

    assert world.asked == []


def test_refusals_beyond_it_pause_until_there_is_room() -> None:
    """The pause ends when the next refusal may come; the pace behind it is what is let in and what is refused."""
    world = World()
    world.refuse(10)

    ((seconds, pace),) = world.asked
    assert seconds == pytest.approx(0.01)
    assert pace == 150


def test_refusals_of_those_accepted_before_are_owed() -> None:
    """Whoever still comes in a pause makes it longer, so that the rate holds in the long run."""
    world = World()
    world.refuse(110)

    assert world.asked[-1][0] == pytest.approx(1.01)


def test_refusal_rate_of_0_is_no_limit() -> None:
    """Nothing is counted."""
    world = World(0)
    world.refuse(100_000)

    assert world.asked == []


def test_refusals_before_there_are_listeners_are_harmless() -> None:
    """Nobody needs to be told."""
    RefusalRate(refusal_bucket(0.5), 50, Clock(1000.0)).take()
