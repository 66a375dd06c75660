"""Backoff: full jitter below a ceiling that grows and stops."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.backoff import ceiling, full_jitter


@pytest.mark.parametrize(("attempt", "expected"), [(0, 0.5), (1, 1.0), (3, 4.0), (6, 20.0), (10**6, 20.0)])
def test_ceiling_doubles_up_to_the_maximum(attempt: int, expected: float) -> None:
    """The ceiling grows by two an attempt and never overflows."""
    assert ceiling(attempt, 0.5, 20.0) == expected


def test_full_jitter_uses_the_whole_range() -> None:
    """The wait is the drawn share of the ceiling."""
    assert full_jitter(2, 1.0, 20.0, lambda: 0.0) == 0.0
    assert full_jitter(2, 1.0, 20.0, lambda: 0.25) == 1.0


@given(st.integers(0, 5000), st.floats(0.001, 10), st.floats(10, 1000))
def test_full_jitter_stays_below_the_ceiling(attempt: int, base: float, most: float) -> None:
    """Whatever is drawn, the wait is from nothing to the ceiling, and the ceiling at most the maximum."""
    assert 0 <= full_jitter(attempt, base, most) <= ceiling(attempt, base, most) <= most
