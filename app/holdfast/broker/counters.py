"""The embedded broker's counters: each begins with its first event and ends by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from holdfast.broker.base import Count
from holdfast.resilience.token_bucket import TokenBucket

MOST_COUNTERS: Final = 50_000
"""About 10 MiB; above it those that nothing was added to for longest are forgotten."""
_SWEEP_EVERY: Final = 1024


class MemoryCounters:
    """A `CounterStore` of one process.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float], most: int = MOST_COUNTERS) -> None:
        self._clock = clock
        self._most = most
        # By key, the one that nothing was added to for longest first.
        self._counts: dict[str, tuple[int, float]] = {}
        self._full_at: dict[str, float] = {}
        self._entered = 0

    def __len__(self) -> int:
        """Return how many counters and buckets are in memory."""
        return len(self._counts) + len(self._full_at)

    async def add(self, key: str, ttl: float, amount: int = 1, *, prolong: bool = False) -> Count:
        """Count; see `CounterStore.add`."""
        now = self._clock()
        value, ends_at = self._counts.pop(key, (0, 0.0))
        if ends_at <= now:
            value, ends_at = 0, now + ttl
        elif prolong and amount > 0:
            ends_at = now + ttl
        value += amount
        if value <= 0:
            return Count(0, 0.0)
        self._make_room(self._counts, now)
        self._counts[key] = (value, ends_at)
        return Count(value, ends_at - now)

    async def get(self, key: str) -> Count:
        """Return a count; see `CounterStore.get`."""
        value, ends_at = self._counts.get(key, (0, 0.0))
        left = ends_at - self._clock()
        return Count(value, left) if left > 0 else Count(0, 0.0)

    async def clear(self, key: str) -> None:
        """Begin again; see `CounterStore.clear`."""
        self._counts.pop(key, None)

    async def take(self, key: str, rate: float, burst: int) -> float:
        """Take from a bucket; see `CounterStore.take`."""
        bucket, now = TokenBucket(rate, burst), self._clock()
        before = self._full_at.pop(key, 0.0)
        after = bucket.take(before, now)
        self._make_room(self._full_at, now)
        self._full_at[key] = before if after is None else after
        return 0.0 if after is not None else bucket.wait_seconds(before, now)

    # Private methods

    def _make_room(self, kept: dict[str, Any], now: float) -> None:
        self._entered += 1
        if self._entered % _SWEEP_EVERY == 0:
            for key in [key for key, (_, ends_at) in self._counts.items() if ends_at <= now]:
                del self._counts[key]
            for key in [key for key, full_at in self._full_at.items() if full_at <= now]:
                del self._full_at[key]
        if len(kept) >= self._most:
            del kept[next(iter(kept))]
