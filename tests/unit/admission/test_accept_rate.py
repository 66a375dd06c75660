"""The accept rate: burst, rate, and the ramp after a stall."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.admission.accept_rate import AcceptRate, Ramp
from holdfast.resilience.token_bucket import TokenBucket
from tests.brokers import Clock

AT_ONCE = Ramp(1.0, 0.0)


def let_in(rate: AcceptRate) -> bool:
    """Knock once."""
    if rate.refusal() is not None:
        return False
    rate.take()
    return True


def crowd(rate: AcceptRate, number: int) -> int:
    """Return how many of a crowd that comes at the same moment are let in."""
    return sum(let_in(rate) for _ in range(number))


def test_accept_rate_burst_then_rate() -> None:
    """So many at once, then so many a second; the refusal says how many."""
    clock = Clock(1000.0)
    rate = AcceptRate(TokenBucket(10, 5), AT_ONCE, clock)
    assert crowd(rate, 20) == 5
    clock.now += 0.3
    assert crowd(rate, 20) == 3

    refusal = rate.refusal()
    assert refusal is not None
    assert (refusal.slug, refusal.detail) == ("accept_rate", "it takes 10 a second now")


def test_accept_rate_refusal_takes_nothing() -> None:
    """Looking is free: only who is let in is counted."""
    rate = AcceptRate(TokenBucket(10, 5), AT_ONCE, Clock(1000.0))
    for _ in range(100):
        assert rate.refusal() is None

    assert crowd(rate, 20) == 5


def test_accept_rate_without_a_limit() -> None:
    """0 lets everybody in."""
    rate = AcceptRate(None, Ramp(0.1, 5), Clock(1000.0))

    assert crowd(rate, 1000) == 1000
    assert rate.rate == 0


def test_accept_rate_opens_gradually() -> None:
    """After the start a share of the burst fits, later more, at last all of it; a stall begins anew."""
    clock = Clock(1000.0)
    rate = AcceptRate(TokenBucket(100, 100), Ramp(0.2, 10), clock)
    assert crowd(rate, 500) == 20
    clock.now += 5
    assert crowd(rate, 500) == 60
    clock.now += 5
    assert crowd(rate, 500) == 100
    clock.now += 60
    rate.stall()

    assert crowd(rate, 500) == 20
    assert (rate.share, rate.rate) == (0.2, 20)


def test_accept_rate_lets_somebody_in_at_the_smallest_share() -> None:
    """A burst of one with a tiny share is still a gate, and no wall."""
    rate = AcceptRate(TokenBucket(1, 1), Ramp(0.001, 60), Clock(1000.0))

    assert crowd(rate, 5) == 1


@pytest.mark.parametrize(("since", "share"), [(-1, 0.2), (0, 0.2), (5, 0.6), (10, 1.0), (1e9, 1.0)])
def test_ramp_is_a_straight_line(since: float, share: float) -> None:
    """From its first share to one."""
    assert Ramp(0.2, 10).share(since) == pytest.approx(share)


RATES = st.sampled_from([0.5, 3.0, 10.0, 1000.0])
STEPS = st.lists(st.tuples(st.sampled_from([0.0, 1e-4, 0.01, 0.3, 2.0]), st.integers(0, 30)), max_size=60)


@given(RATES, st.integers(1, 40), STEPS)
def test_accept_rate_never_exceeds_burst_and_rate(
    per_second: float, burst: int, steps: list[tuple[float, int]]
) -> None:
    """Over every stretch of time at most the burst and the rate's share come in, however they come."""
    clock = Clock(1000.0)
    rate = AcceptRate(TokenBucket(per_second, burst), AT_ONCE, clock)
    admitted: list[tuple[float, int]] = []
    for gap, number in steps:
        clock.now += gap
        admitted.append((clock.now, crowd(rate, number)))

    for first, (since, _) in enumerate(admitted):
        total = 0
        for moment, number in admitted[first:]:
            total += number
            assert total <= burst + per_second * (moment - since) + 0.01


@given(RATES, st.integers(1, 40), st.integers(1, 300))
def test_accept_rate_takes_what_it_promises(per_second: float, burst: int, number: int) -> None:
    """A burst at once, and behind it whoever keeps to the rate, for as long as they like."""
    clock = Clock(1000.0)
    rate = AcceptRate(TokenBucket(per_second, burst), AT_ONCE, clock)
    assert crowd(rate, burst) == burst
    for index in range(1, number + 1):
        clock.now = 1000.0 + index / per_second
        assert let_in(rate)


@given(RATES, st.integers(1, 40), st.floats(0.05, 1), STEPS)
def test_accept_rate_on_the_ramp_keeps_to_its_share(
    per_second: float, burst: int, first_share: float, steps: list[tuple[float, int]]
) -> None:
    """Until any moment of the ramp no more came in than that moment's share of burst and rate, and always one."""
    clock = Clock(1000.0)
    rate = AcceptRate(TokenBucket(per_second, burst), Ramp(first_share, 10), clock)
    total = 0
    for gap, number in steps:
        clock.now += gap
        total += crowd(rate, number)
        most = rate.share * (burst + per_second * (clock.now - 1000.0))
        assert total <= max(most, 1 + per_second * (clock.now - 1000.0) / burst) + 0.01
