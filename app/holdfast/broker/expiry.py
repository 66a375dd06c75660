"""Deadlines of many items in a few buckets, looked at a bounded number at a time.

Whoever owns the items decides by its own clock whether one has expired; the queue only remembers when to look
again, so a deadline that moves later costs nothing.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class ExpiryQueue(Generic[Item]):
    """Items by the moment at which to look at them; about 8 bytes an item.

    Moments are finite and rounded up to `width` seconds, so items come late rather than early. An item may be queued
    more than once.
    """

    __slots__ = ("_buckets", "_count", "_order", "_width")

    def __init__(self, width: float) -> None:
        """Begin empty.

        Raises:
            ValueError: `width` is not above 0.
        """
        if not width > 0:
            raise ValueError(f"expected a width above 0, got {width}")
        self._width = width
        self._buckets: dict[int, list[Item]] = {}
        self._order: list[int] = []
        self._count = 0

    def __len__(self) -> int:
        """Return how many entries wait."""
        return self._count

    def add(self, item: Item, due: float) -> None:
        """Remember to look at `item` at `due`."""
        bucket = math.ceil(due / self._width)
        waiting = self._buckets.get(bucket)
        if waiting is None:
            self._buckets[bucket] = [item]
            heapq.heappush(self._order, bucket)
        else:
            waiting.append(item)
        self._count += 1

    def take(self, limit: int) -> tuple[float, list[Item]]:
        """Take up to `limit` items, due or not, out of the earliest bucket, oldest entry first.

        Returns the bucket's moment and the items; an empty list when nothing waits.
        """
        if not self._order:
            return math.inf, []
        bucket = self._order[0]
        waiting = self._buckets[bucket]
        items = waiting[:limit]
        del waiting[:limit]
        if not waiting:
            del self._buckets[heapq.heappop(self._order)]
        self._count -= len(items)
        return bucket * self._width, items

    def sweep(self, now: float, budget: int, visit: Callable[[Item], float | None]) -> int:
        """Look at up to `budget` due items and return at how many.

        `visit` returns when to look again, or None to forget the item. What the budget leaves over comes first in
        the next call.
        """
        looked = 0
        while looked < budget and self._order and self._order[0] * self._width <= now:
            _, items = self.take(budget - looked)
            looked += len(items)
            for item in items:
                again = visit(item)
                if again is not None:
                    # Later than now, or an item that is due at once would take the whole budget.
                    self.add(item, max(again, now + self._width))
        return looked
