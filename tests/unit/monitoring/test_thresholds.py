from __future__ import annotations

from holdfast.monitoring.levels import Level
from holdfast.monitoring.thresholds import Thresholds, Watch

RULES = Thresholds(warning=0.8, critical=0.9, lasting=3.0, hysteresis=0.1, settle=5.0)


def levels(watch: Watch, values: list[float | None], begin: float = 0.0) -> list[Level]:
    """Return the level after each value, one a second."""
    found = []
    for second, value in enumerate(values):
        watch.update(value, begin + second)
        found.append(watch.level)
    return found


def test_level_is_entered_after_it_lasted() -> None:
    """A peak is none."""
    assert levels(Watch(RULES), [0.5, 0.95, 0.95, 0.5, 0.5]) == [Level.OK] * 5
    assert levels(Watch(RULES), [0.95] * 4) == [Level.OK] * 3 + [Level.CRITICAL]


def test_level_that_needs_not_last_is_entered_at_once() -> None:
    """Descriptors do not come back by themselves."""
    assert levels(Watch(Thresholds(0.8, 0.9)), [0.85, 0.9]) == [Level.WARNING, Level.CRITICAL]


def test_levels_are_passed_one_by_one() -> None:
    """What rises slowly warns before it is critical."""
    assert levels(Watch(RULES), [0.8] * 4 + [0.9] * 4)[-5:] == [Level.WARNING] * 4 + [Level.CRITICAL]


def test_level_is_left_below_where_it_was_entered_and_after_a_while() -> None:
    """A value that trembles around a threshold changes nothing."""
    watch = Watch(RULES)
    levels(watch, [0.95] * 4)

    assert levels(watch, [0.89, 0.82, 0.89, 0.82] * 5, 4.0) == [Level.CRITICAL] * 20
    assert levels(watch, [0.79] * 6, 24.0) == [Level.CRITICAL] * 5 + [Level.WARNING]
    assert levels(watch, [0.5] * 6, 30.0) == [Level.WARNING] * 5 + [Level.OK]


def test_dip_below_the_threshold_does_not_start_the_count_anew() -> None:
    """Only one below the value at which the level would be left does."""
    assert levels(Watch(RULES), [0.95, 0.85, 0.95, 0.95])[-1] is Level.CRITICAL
    assert levels(Watch(RULES), [0.95, 0.7, 0.95, 0.95])[-1] is Level.OK


def test_value_that_cannot_be_measured_is_no_worry() -> None:
    """And what counted before counts no more."""
    watch = Watch(RULES)
    levels(watch, [0.95] * 4)

    assert levels(watch, [None, 0.95], 4.0) == [Level.OK, Level.OK]


def test_update_tells_each_change_once() -> None:
    """With the moment it began."""
    watch = Watch(Thresholds(0.8, 0.9), now=1.0)

    assert not watch.update(0.5, 2.0)
    assert watch.update(0.95, 3.0)
    assert not watch.update(0.95, 4.0)
    assert watch.since == 3.0
