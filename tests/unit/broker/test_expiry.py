"""The expiry queue: due items only, never early, a bounded number at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.broker.expiry import ExpiryQueue


def forget(_: object) -> None:
    """Visit an item and never look again."""


def test_sweep_leaves_items_that_are_not_due():
    """Nothing comes before its moment."""
    queue: ExpiryQueue[str] = ExpiryQueue(1.0)
    queue.add("later", 10.5)

    assert queue.sweep(10.4, 10, forget) == 0
    assert queue.sweep(11.0, 10, forget) == 1
    assert len(queue) == 0


def test_sweep_looks_at_no_more_than_its_budget():
    """What the budget leaves over comes with the next sweep, oldest first."""
    queue: ExpiryQueue[int] = ExpiryQueue(1.0)
    seen: list[int] = []
    for number in range(25):
        queue.add(number, 5.0)

    counts = [queue.sweep(6.0, 10, seen.append) for _ in range(4)]

    assert counts == [10, 10, 5, 0]
    assert seen == list(range(25))


def test_sweep_looks_again_when_the_visit_says_so():
    """An item whose deadline moved stays queued and does not take the budget at once."""
    queue: ExpiryQueue[str] = ExpiryQueue(1.0)
    queue.add("moved", 1.0)

    assert queue.sweep(2.0, 10, lambda _: 0.0) == 1
    assert queue.sweep(2.0, 10, forget) == 0
    assert queue.sweep(3.0, 10, forget) == 1


def test_take_returns_the_earliest_bucket_first():
    """Items are taken by moment, whether due or not, with the moment they waited for."""
    queue: ExpiryQueue[str] = ExpiryQueue(10.0)
    queue.add("second", 25.0)
    queue.add("first", 11.0)
    queue.add("too", 19.0)

    assert queue.take(5) == (20.0, ["first", "too"])
    assert queue.take(5) == (30.0, ["second"])
    assert queue.take(5)[1] == []


def test_queue_refuses_a_width_that_is_not_above_zero():
    """A width of nothing has no buckets."""
    with pytest.raises(ValueError, match="width"):
        ExpiryQueue(0.0)


@given(st.lists(st.integers(0, 1000), max_size=50), st.integers(0, 1100), st.integers(1, 20))
def test_sweep_visits_exactly_what_is_due(moments: list[int], now: int, budget: int):
    """Whatever the order of adding, no item comes early and none is left when the sweeps have caught up."""
    queue: ExpiryQueue[int] = ExpiryQueue(7.0)
    seen: list[int] = []
    for moment in moments:
        queue.add(moment, moment)

    while queue.sweep(now, budget, seen.append):
        pass

    assert all(moment <= now for moment in seen)
    assert {moment for moment in moments if moment + 7.0 <= now} <= set(seen)
    assert len(seen) + len(queue) == len(moments)
