"""A ring of buckets for what all connections need at the same interval: pings, presence refreshes.

Unlike a time wheel, nothing is taken out and put back: a member stays in its bucket for life and its turn comes once
per interval. Pure; whoever drives it calls `advance` about once a tick.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, TypeVar

Member = TypeVar("Member")

# Few enough that a bucket's number is one of the interpreter's shared small integers.
MOST_BUCKETS = 250


class Ring(Generic[Member]):
    """Members spread at random over one interval.

    Args:
        interval: seconds between two turns of a member.
        tick: seconds between two calls of `advance`; made longer where the ring would get too many buckets.
        pick: returns a random number below its argument.
    """

    def __init__(self, interval: float, tick: float, pick: Callable[[int], int]) -> None:
        self.tick = max(tick, interval / MOST_BUCKETS)
        self._buckets: list[set[Member]] = [set() for _ in range(max(1, round(interval / self.tick)))]
        self._pick = pick
        self._turn = 0
        self._next = self.tick

    def __len__(self) -> int:
        """Return how many buckets there are."""
        return len(self._buckets)

    def add(self, member: Member) -> int:
        """Put a member into a random bucket and return its number, which `discard` needs."""
        number = self._pick(len(self._buckets))
        self._buckets[number].add(member)
        return number

    def discard(self, member: Member, number: int) -> None:
        """Take a member out; one that is not there is no error."""
        self._buckets[number].discard(member)

    def advance(self, elapsed: float) -> list[int]:
        """Return the buckets whose turn has come, `elapsed` seconds after the ring's start.

        After a stall longer than the interval each bucket has one turn, not several.
        """
        if elapsed < self._next:
            return []
        ticks = int((elapsed - self._next) / self.tick) + 1
        self._next += ticks * self.tick
        first, count = self._turn, len(self._buckets)
        turns = [(first + number) % count for number in range(min(ticks, count))]
        self._turn = (first + len(turns)) % count
        return turns

    def bucket(self, number: int) -> Collection[Member]:
        """Return a bucket's members; the number may run beyond the ring either way."""
        return self._buckets[number % len(self._buckets)]
