"""One timer for many deadlines of the same length, instead of a timer handle for each of them."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable, Iterator
from itertools import takewhile
from math import inf
from typing import Generic, TypeVar

Item = TypeVar("Item")

# Deadlines this close together are served by one wake-up; they are late by so much at most.
_GRANULARITY_SECONDS = 0.05


class DeadlineQueue(Generic[Item]):
    """Calls `on_due(item)` once `timeout_seconds` have passed since `add(item)`.

    All deadlines have the same length, so the order of adding is the order of being due, and a
    dict that remembers it is all the queue needs. An item is kept alive while it is queued.
    """

    __slots__ = ("_due", "_loop", "_on_due", "_timeout", "_timer")

    def __init__(self, loop: AbstractEventLoop, timeout_seconds: float, on_due: Callable[[Item], None]) -> None:
        """Start empty and without a timer."""
        self._loop = loop
        self._timeout = timeout_seconds
        self._on_due = on_due
        self._due: dict[Item, float] = {}
        self._timer: TimerHandle | None = None

    def __len__(self) -> int:
        """Return how many items wait."""
        return len(self._due)

    def __iter__(self) -> Iterator[Item]:
        """Go through the items that wait, the next to be due first."""
        return iter(self._due)

    def add(self, item: Item) -> None:
        """Start the item's time, from now also if it was waiting already."""
        self._due.pop(item, None)
        self._due[item] = self._loop.time() + self._timeout
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout, self._sweep)

    def discard(self, item: Item) -> None:
        """Stop the item's time; nothing happens if it is not waiting."""
        self._due.pop(item, None)

    def clear(self) -> None:
        """Forget all items and the timer."""
        self._due.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        self._timer = None
        now = self._loop.time()
        # In one pass: looking for the first of a dict skips all that were deleted before it, each time anew.
        late = [item for item, _ in takewhile(lambda entry: entry[1] <= now, self._due.items())]
        for item in late:
            if self._due.get(item, inf) <= now:  # what is due before it may have discarded it, or added it again
                del self._due[item]
                self._on_due(item)
        if self._due and self._timer is None:
            head = next(iter(self._due.values()))
            self._timer = self._loop.call_at(max(head, now + _GRANULARITY_SECONDS), self._sweep)
