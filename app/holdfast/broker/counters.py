"""The embedded broker's counters: each begins with its first event and ends by itself."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.broker.base import Count

_SWEEP_EVERY = 1024


class MemoryCounters:
    """A `CounterStore` of one process.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}
        self._adds = 0

    async def add(self, key: str, ttl: float, amount: int = 1) -> Count:
        """Count; see `CounterStore.add`."""
        now = self._clock()
        self._adds += 1
        if self._adds % _SWEEP_EVERY == 0:
            self._counts = {name: entry for name, entry in self._counts.items() if now < entry[1]}
        value, ends_at = self._counts.get(key, (0, 0.0))
        if ends_at <= now:
            value, ends_at = 0, now + ttl
        self._counts[key] = (value + amount, ends_at)
        return Count(value + amount, ends_at - now)

    async def get(self, key: str) -> Count:
        """Return a count; see `CounterStore.get`."""
        value, ends_at = self._counts.get(key, (0, 0.0))
        left = ends_at - self._clock()
        return Count(value, left) if left > 0 else Count(0, 0.0)

    async def clear(self, key: str) -> None:
        """Begin again; see `CounterStore.clear`."""
        self._counts.pop(key, None)
