"""A time wheel: the deadlines of all connections in a few shared buckets.

It owns when an entry is due and nothing else: no asyncio, no callbacks. Whoever drives it calls
`advance` about once a tick and acts on what comes back.
"""

import math
from array import array
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")

_NOT_QUEUED = -1
_END_OF_FREE = -1
_NEVER = 2**62  # a tick that fits the array; tokens may carry any number as their expiry


class TimeWheel(Generic[Item]):
    """Keep items until they are due; adding, moving and removing one costs O(1).

    An entry never comes back early, and at most one tick (plus the time between two calls of
    `advance`) late. Entries further away than `tick_seconds * slots` are allowed; each costs one
    look per turn of the wheel.

    Entries live in flat arrays, linked into one ring per slot by index (24 bytes an entry, plus
    the caller's handle), because a timer handle of asyncio costs ten times as much and a set per
    slot three times. Indices below `slots` are the heads of the rings.
    """

    __slots__ = (
        "_count",
        "_free",
        "_items",
        "_next",
        "_previous",
        "_slots",
        "_start",
        "_tick",
        "_ticks",
        "tick_seconds",
    )

    def __init__(self, tick_seconds: float, slots: int, clock: Callable[[], float]) -> None:
        """Start an empty wheel at `clock()`, in the unit (seconds) that `add` and `advance` use.

        Raises:
            ValueError: `tick_seconds` is not above 0, or `slots` not at least 1.
        """
        if not tick_seconds > 0 or slots < 1:
            raise ValueError(f"expected tick_seconds > 0 and slots >= 1, got {tick_seconds}, {slots}")
        self.tick_seconds = tick_seconds
        self._slots = slots
        self._start = clock()
        self._tick = 0  # the last tick whose entries were handed out
        self._count = 0
        self._free = _END_OF_FREE
        self._items: list[Item | None] = [None] * slots
        self._next = array("i", range(slots))
        self._previous = array("i", range(slots))
        self._ticks = array("q", [_NOT_QUEUED]) * slots

    def __len__(self) -> int:
        """Return how many entries wait."""
        return self._count

    def add(self, item: Item, due: float) -> int:
        """Queue `item` for the time `due` and return its handle.

        A `due` in the past comes back with the next tick. The handle is valid until the entry was
        removed or handed out by `advance`; afterwards it may belong to another entry.
        """
        tick = self._tick_of(due)
        handle = self._free
        if handle == _END_OF_FREE:
            handle = len(self._items)
            self._items.append(item)
            self._next.append(handle)
            self._previous.append(handle)
            self._ticks.append(tick)
        else:
            self._free = self._next[handle]
            self._items[handle] = item
            self._ticks[handle] = tick
        self._link(handle, tick % self._slots)
        self._count += 1
        return handle

    def remove(self, handle: int, item: Item) -> bool:
        """Take `item` out and return whether it was still queued under `handle`.

        The item is compared by identity, so a stale handle removes nothing of anyone else's.
        """
        if not self._holds(handle, item):
            return False
        self._unlink(handle)
        self._release(handle)
        return True

    def move(self, handle: int, item: Item, due: float) -> bool:
        """Give `item` another deadline under the same handle; False when it is no longer queued."""
        if not self._holds(handle, item):
            return False
        tick = self._tick_of(due)
        self._unlink(handle)
        self._ticks[handle] = tick
        self._link(handle, tick % self._slots)
        return True

    def advance(self, now: float) -> list[Item]:
        """Take out and return everything due by `now`, earlier ticks first.

        After a pause longer than one turn of the wheel the order is that of the slots. The list
        is complete before the caller sees it: an item removed while the caller works through the
        list is still in it, so the caller asks each item whether it is alive. A `now` before that
        of an earlier call returns nothing.
        """
        target = math.floor((now - self._start) / self.tick_seconds)
        due: list[Item] = []
        if target <= self._tick:
            return due
        # One look at each slot is enough, however long nobody called.
        for tick in range(max(self._tick, target - self._slots) + 1, target + 1):
            self._collect(tick % self._slots, target, due)
        self._tick = target
        return due

    # Private methods

    def _tick_of(self, due: float) -> int:
        ticks = (due - self._start) / self.tick_seconds
        tick = math.ceil(ticks) if ticks < _NEVER else _NEVER
        return tick if tick > self._tick else self._tick + 1

    def _holds(self, handle: int, item: Item) -> bool:
        return self._slots <= handle < len(self._items) and self._items[handle] is item

    def _link(self, handle: int, head: int) -> None:
        last = self._previous[head]
        self._next[last] = handle
        self._previous[handle] = last
        self._next[handle] = head
        self._previous[head] = handle

    def _unlink(self, handle: int) -> None:
        after, before = self._next[handle], self._previous[handle]
        self._next[before] = after
        self._previous[after] = before

    def _release(self, handle: int) -> None:
        self._items[handle] = None
        self._ticks[handle] = _NOT_QUEUED
        self._next[handle] = self._free
        self._free = handle
        self._count -= 1

    def _collect(self, head: int, target: int, due: list[Item]) -> None:
        handle = self._next[head]
        while handle != head:
            after = self._next[handle]
            if self._ticks[handle] <= target:
                item = self._items[handle]
                self._unlink(handle)
                self._release(handle)
                due.append(item)  # type: ignore[arg-type]  # None only in heads and free entries
            handle = after
