"""The pool: items in places, and a walk in slices that misses none."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdfast.broker.pool import GONE, Pool


class Item:
    """Something with a place."""

    def __init__(self) -> None:
        self.place = GONE


def test_discard_moves_the_last_item_into_the_gap():
    """Places stay dense and every item knows its own."""
    pool: Pool[Item] = Pool()
    first, second, third = Item(), Item(), Item()
    for item in (first, second, third):
        pool.add(item)

    assert pool.discard(first)
    assert [pool[0], pool[1]] == [third, second]
    assert (third.place, first.place) == (0, GONE)


def test_discard_of_an_item_that_is_not_in_does_nothing():
    """A second removal is no error and removes nobody else."""
    pool: Pool[Item] = Pool()
    item = Item()
    pool.add(item)

    assert pool.discard(item)
    assert not pool.discard(item)
    assert len(pool) == 0


@given(st.integers(1, 30), st.data())
def test_walk_from_the_end_meets_every_item_that_stays(size: int, data: st.DataObject):
    """Removals and additions between two steps hide none of the items that are there all the while."""
    pool: Pool[Item] = Pool()
    for _ in range(size):
        pool.add(Item())
    stayed = {pool[place] for place in range(size)}
    met: set[Item] = set()

    cursor = len(pool)
    while (cursor := min(cursor, len(pool))) > 0:
        cursor -= 1
        met.add(pool[cursor])
        for _ in range(data.draw(st.integers(0, 3))):
            if len(pool) and data.draw(st.booleans()):
                gone = pool[data.draw(st.integers(0, len(pool) - 1))]
                pool.discard(gone)
                stayed.discard(gone)
            else:
                pool.add(Item())

    assert stayed <= met
