"""The token bucket: no more than burst and rate allow, no less than the rate promises."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.token_bucket import TokenBucket

RATES = st.sampled_from([0.1, 0.5, 1.0, 3.0, 7.0, 100.0])
STARTS = st.sampled_from([0.0, 1e3, 1e6])


def test_take_allows_a_burst_and_then_the_rate() -> None:
    """A full bucket gives its burst at once, then one token each 1/rate seconds."""
    bucket, state = TokenBucket(rate=2.0, burst=3), 0.0
    for _ in range(3):
        state = bucket.take(state, 10.0) or math.nan

    assert bucket.take(state, 10.0) is None
    assert bucket.take(state, 10.4) is None
    assert bucket.take(state, 10.5) is not None


def test_take_of_more_than_the_burst_is_refused() -> None:
    """What the bucket can never hold is never given."""
    assert TokenBucket(1.0, 5).take(0.0, 1e6, 6) is None
    assert TokenBucket(1.0, 5).wait_seconds(0.0, 1e6, 6) == math.inf


@pytest.mark.parametrize(("rate", "burst"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_bucket_without_rate_or_burst_is_refused(rate: float, burst: int) -> None:
    """A rule that would refuse everything is a mistake."""
    with pytest.raises(ValueError, match="expected rate > 0"):
        TokenBucket(rate, burst)


@given(RATES, st.integers(1, 20), STARTS, st.lists(st.tuples(st.floats(0, 5), st.integers(1, 5)), max_size=80))
def test_take_never_exceeds_burst_and_rate(
    rate: float, burst: int, start: float, steps: list[tuple[float, int]]
) -> None:
    """Over every stretch of time, what was taken is at most the burst and the rate's share."""
    bucket, state, now = TokenBucket(rate, burst), 0.0, start
    taken: list[tuple[float, int]] = []
    for gap, count in steps:
        now += gap
        after = bucket.take(state, now, count)
        if after is not None:
            state = after
            taken.append((now, count))

    for first in range(len(taken)):
        total = 0
        for moment, count in taken[first:]:
            total += count
            assert total <= burst + rate * (moment - taken[first][0]) + 0.01


def test_take_of_two_for_one_halves_burst_and_rate() -> None:
    """A count may be any number, so that a party can be given a share of the rule."""
    bucket, state = TokenBucket(rate=2.0, burst=3), 0.0
    state = bucket.take(state, 10.0, 1.5) or math.nan
    state = bucket.take(state, 10.0, 1.5) or math.nan

    assert bucket.take(state, 10.7, 1.5) is None
    assert bucket.take(state, 10.75, 1.5) is not None


@given(RATES, st.integers(1, 20), STARTS, st.integers(1, 200))
def test_take_at_the_rate_is_never_refused(rate: float, burst: int, start: float, number: int) -> None:
    """Whoever keeps to the sustained rate is served for ever."""
    bucket, state = TokenBucket(rate, burst), 0.0
    for index in range(number):
        after = bucket.take(state, start + index / rate)
        assert after is not None
        state = after


@given(RATES, st.integers(1, 20), STARTS, st.integers(0, 40), st.integers(1, 20))
def test_wait_seconds_is_what_it_takes(rate: float, burst: int, start: float, used: int, count: int) -> None:
    """After the announced wait the take succeeds, and a good deal before it does not."""
    bucket, state = TokenBucket(rate, burst), 0.0
    for _ in range(used):
        state = bucket.take(state, start) or state
    wait = bucket.wait_seconds(state, start, count)

    if count <= burst:
        assert bucket.take(state, start + wait, count) is not None
        assert wait < 0.1 / rate or bucket.take(state, start + wait - 0.1 / rate, count) is None


def test_owe_takes_what_is_not_there() -> None:
    """The debt is paid before anything can be taken again."""
    bucket, state = TokenBucket(rate=2.0, burst=1), 0.0
    for _ in range(5):
        state = bucket.owe(state, 10.0)

    assert bucket.wait_seconds(state, 10.0) == pytest.approx(2.5)
    assert bucket.take(state, 12.4) is None
    assert bucket.take(state, 12.5) is not None
