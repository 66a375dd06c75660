from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.connections.ring import MOST_BUCKETS, Ring


def test_advance_gives_each_bucket_one_turn_per_interval() -> None:
    """Over one interval every bucket comes once, in order."""
    ring: Ring[str] = Ring(10.0, 1.0, lambda n: 0)
    turns = [turn for second in range(1, 11) for turn in ring.advance(float(second))]

    assert turns == list(range(10))
    assert ring.advance(10.5) == []
    assert ring.advance(11.0) == [0]


@given(st.floats(0.5, 3600), st.floats(0.1, 5), st.floats(0, 100_000))
def test_advance_after_a_stall_never_repeats_a_bucket(interval: float, tick: float, stall: float) -> None:
    """However long nobody called, each bucket has at most one turn."""
    ring: Ring[str] = Ring(interval, tick, lambda n: 0)
    turns = ring.advance(stall)

    assert len(turns) == len(set(turns)) <= len(ring) <= MOST_BUCKETS + 1


def test_add_spreads_and_discard_forgets() -> None:
    """A member stays in the bucket it was given until it is taken out."""
    numbers = iter([3, 7])
    ring: Ring[str] = Ring(10.0, 1.0, lambda n: next(numbers))
    assert ring.add("a") == 3
    assert ring.add("b") == 7
    ring.discard("a", 3)
    ring.discard("a", 3)

    assert list(ring.bucket(3)) == []
    assert list(ring.bucket(-3)) == ["b"]
