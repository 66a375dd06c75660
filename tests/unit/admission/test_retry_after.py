"""Those who were refused come back one by one."""

from __future__ import annotations

import random
from collections import Counter

from holdfast.admission.retry_after import RetryAfter
from tests.brokers import Clock


def test_retry_after_is_a_whole_second_and_never_nothing() -> None:
    """The smallest and the largest pick stay within 1 and the ceiling."""
    low = RetryAfter(100, 30, Clock(1000.0), lambda: 0.0)
    high = RetryAfter(100, 30, Clock(1000.0), lambda: 0.999999)

    assert (low.seconds(), high.seconds()) == (1, 3)


def test_retry_after_spreads_a_crowd_over_what_the_gate_takes() -> None:
    """Of 2,000 refused at a rate of 100 no second gets many more than its share."""
    spread = RetryAfter(100, 60, Clock(1000.0), random.Random(5).random)
    seconds = Counter(spread.seconds() for _ in range(2000))

    assert spread.ceiling >= 2000 / 100
    assert max(seconds.values()) < 450  # nearly all would be 2,000; the first of the crowd wait least
    assert len(seconds) >= 20


def test_retry_after_ceiling_grows_with_the_crowd_and_is_bounded() -> None:
    """More refusals, longer waits, up to the most that is allowed."""
    spread = RetryAfter(10, 30, Clock(1000.0))
    ceilings = []
    for _ in range(5):
        for _ in range(100):
            spread.seconds()
        ceilings.append(spread.ceiling)

    assert ceilings == sorted(ceilings)
    assert ceilings[0] < ceilings[1]
    assert ceilings[-1] == 30


def test_retry_after_forgets_a_crowd() -> None:
    """A minute later a single refused client waits as little as ever."""
    clock = Clock(1000.0)
    spread = RetryAfter(10, 30, clock)
    for _ in range(1000):
        spread.seconds()
    clock.now += 120
    spread.seconds()

    assert spread.ceiling == 3


def test_retry_after_without_a_rate() -> None:
    """Where the gate has no limit, the other refusals are spread all the same."""
    spread = RetryAfter(0, 30, Clock(1000.0))

    assert {spread.seconds() for _ in range(200)} == {1, 2, 3}


def test_retry_after_counts_only_the_crowd() -> None:
    """Who is refused for itself alone waits as the others do, and makes nobody wait longer."""
    one = RetryAfter(100, 30, Clock(1000.0), lambda: 0.999999)

    assert {one.seconds(is_crowd=False) for _ in range(5000)} == {3}
    assert one.ceiling == 3
