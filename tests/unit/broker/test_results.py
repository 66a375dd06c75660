"""The cache of idempotent results: first answer, age, limit, capture."""

from __future__ import annotations

from holdfast.broker.results import Result, ResultCache
from holdfast.protocol.messages import StreamPosition
from tests.brokers import Clock

HERE = StreamPosition(3, "abcd")


def test_result_is_found_until_it_is_too_old():
    """A result lives exactly as long as it was told."""
    clock = Clock()
    cache = ResultCache(clock, 10)
    cache.put("a", "key", HERE, 300)

    clock.advance(299)
    assert cache.get("a", "key") == HERE
    clock.advance(1)
    assert cache.get("a", "key") is None


def test_results_belong_to_channel_and_key():
    """The same key in another channel, or joined differently, is another publication."""
    cache = ResultCache(Clock(), 10)
    cache.put("a", "bc", HERE, 300)

    assert cache.get("ab", "c") is None
    assert cache.get("b", "bc") is None


def test_limit_pushes_out_what_expires_first():
    """The number of results is bounded."""
    clock = Clock()
    cache = ResultCache(clock, 2)
    cache.put("a", "long", HERE, 300)
    cache.put("a", "short", HERE, 10)

    cache.put("a", "new", HERE, 300)

    assert len(cache) == 2
    assert cache.get("a", "short") is None
    assert cache.get("a", "long") == HERE


def test_limit_of_zero_keeps_nothing():
    """Idempotency can be switched off."""
    cache = ResultCache(Clock(), 0)
    cache.put("a", "key", HERE, 300)

    assert cache.get("a", "key") is None


def test_sweep_frees_old_results_a_bounded_number_at_a_time():
    """Nobody needs to ask for a key again to free it."""
    clock = Clock()
    cache = ResultCache(clock, 100)
    for number in range(30):
        cache.put("a", str(number), HERE, 300)

    clock.advance(302)

    assert [cache.sweep(20), cache.sweep(20), cache.sweep(20)] == [20, 10, 0]
    assert len(cache) == 0


def test_result_that_was_replaced_is_not_swept_with_the_old_one():
    """A key that is used again after its age keeps its new result."""
    clock = Clock()
    cache = ResultCache(clock, 100)
    cache.put("a", "key", HERE, 10)
    clock.advance(11)
    cache.put("a", "key", StreamPosition(4, "abcd"), 300)

    clock.advance(1)
    cache.sweep(10)

    assert cache.get("a", "key") == (4, "abcd")


def test_capture_returns_all_in_bounded_slices():
    """A snapshot gets every result without a long look."""
    cache = ResultCache(Clock(), 100)
    for number in range(25):
        cache.put("a", str(number), HERE, 300)

    slices = list(cache.capture(10))

    assert [len(part) for part in slices] == [10, 10, 5]
    assert {result.key for part in slices for result in part} == {str(number) for number in range(25)}


def test_restore_keeps_the_deadline():
    """A restored result lives no longer than it was meant to."""
    clock = Clock()
    cache = ResultCache(clock, 10)
    cache.restore(Result("a", "key", HERE, clock.now + 5))

    clock.advance(5)

    assert cache.get("a", "key") is None
