from __future__ import annotations

from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.token_bucket import TokenBucket
from tests.brokers import Clock


def test_keys_do_not_share_a_bucket() -> None:
    """One that floods takes nothing from the others."""
    buckets = KeyedBuckets(TokenBucket(1.0, 2), Clock())

    assert [buckets.take("a") for _ in range(4)] == [True, True, False, False]
    assert buckets.take("b")


def test_bucket_fills_again() -> None:
    """Refusals take nothing: whoever waits gets what the rate gives."""
    clock = Clock()
    buckets = KeyedBuckets(TokenBucket(1.0, 1), clock)
    assert buckets.take("a")
    for _ in range(10):
        assert not buckets.take("a")
    clock.advance(1.0)

    assert buckets.take("a")


def test_many_are_taken_at_once_or_not_at_all() -> None:
    """A count larger than what is left is refused whole."""
    buckets = KeyedBuckets(TokenBucket(1.0, 10), Clock())

    assert buckets.take("", 8)
    assert not buckets.take("", 3)
    assert buckets.take("", 2)


def test_memory_is_bounded_and_keeps_who_comes_often() -> None:
    """The one not seen for longest goes, refused or not."""
    buckets = KeyedBuckets(TokenBucket(1.0, 1), Clock(), most_keys=3)
    for key in ("busy", "b", "c"):
        buckets.take(key)
    for key in ("d", "e", "f"):
        assert not buckets.take("busy")
        buckets.take(key)

    assert len(buckets) == 3
    assert not buckets.take("busy")
