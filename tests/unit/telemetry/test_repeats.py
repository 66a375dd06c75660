from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

from holdfast.resilience.token_bucket import TokenBucket
from holdfast.telemetry import repeats
from holdfast.telemetry.repeats import Key, LeftOut, RepeatLimiter
from tests.brokers import Clock

REFUSED = Key("part", "refused", "a")


def limiter_of(rate: float = 1.0, burst: int = 2) -> tuple[RepeatLimiter, Clock]:
    """Return a limiter with a clock that stands still."""
    clock = Clock(100.0)
    return RepeatLimiter(TokenBucket(rate, burst), clock), clock


def test_burst_is_written_and_the_rest_is_counted() -> None:
    """The count says how many, at which level, over which time; it is told once."""
    limiter, clock = limiter_of()

    assert [limiter.admits(REFUSED, "info") for _ in range(5)] == [True, True, False, False, False]

    clock.advance(0.5)
    assert limiter.take_left_out() == [LeftOut(REFUSED, "info", 3, 0.5)]
    assert limiter.take_left_out() == []


def test_rate_goes_on_forever() -> None:
    """Whoever repeats slower than the rate is never left out."""
    limiter, clock = limiter_of(rate=2.0, burst=1)
    for _ in range(100):
        assert limiter.admits(REFUSED, "info")
        clock.advance(0.5)


def test_causes_do_not_share_a_limit() -> None:
    """A flood of one cause hides no other."""
    limiter, _ = limiter_of(burst=1)
    limiter.admits(REFUSED, "info")

    assert not limiter.admits(REFUSED, "info")
    assert limiter.admits(REFUSED._replace(slug="b"), "info")
    assert limiter.admits(REFUSED._replace(logger="other"), "info")


def test_without_a_bucket_all_is_written() -> None:
    """The limit can be switched off."""
    limiter = RepeatLimiter(None, Clock(0.0))

    assert all(limiter.admits(REFUSED, "info") for _ in range(10_000))
    assert limiter.take_left_out() == []


def test_memory_is_bounded_and_nothing_uncounted(monkeypatch) -> None:
    """Too many different events share one limit; quiet ones make room first."""
    monkeypatch.setattr(repeats, "MOST_KEYS", 10)
    limiter, clock = limiter_of(rate=1.0, burst=1)
    written = sum(limiter.admits(Key("lib", str(number), ""), "warning") for number in range(100))
    left_out = limiter.take_left_out()

    assert written == 11
    assert left_out == [LeftOut(Key("lib", "others", ""), "warning", 89, 0.0)]

    clock.advance(10.0)
    assert limiter.admits(Key("lib", "new", ""), "warning")
    assert len(limiter._states) == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=60))
def test_every_line_is_written_or_counted(steps: list[tuple[str, float]]) -> None:
    """Whatever comes when, lines written and lines counted are all that came, and no more than the bucket holds."""
    limiter, clock = limiter_of(rate=1.0, burst=3)
    written = counted = 0
    start = clock()
    for slug, pause in steps:
        clock.advance(pause)
        written += limiter.admits(Key("part", "event", slug), "info")
        if pause > 2:
            counted += sum(one.count for one in limiter.take_left_out())
    counted += sum(one.count for one in limiter.take_left_out())

    assert written + counted == len(steps)
    assert written <= 3 * (3 + clock() - start) + 1e-6


def test_finalizer_that_logs_does_not_deadlock() -> None:
    """The garbage collector may run while the limiter works, and what it frees may log."""
    limiter, _ = limiter_of()

    class Loud:
        def __del__(self) -> None:
            limiter.admits(REFUSED, "error")

    def clock() -> float:
        one = Loud()
        del one
        gc.collect()
        return 100.0

    with limiter._lock:
        clock()

    assert limiter.admits(REFUSED, "error")
