"""The embedded broker's counters; what every broker promises of them is in the broker suite."""

from __future__ import annotations

from holdfast.broker.counters import _SWEEP_EVERY, MemoryCounters
from tests.brokers import Clock


async def test_counters_that_ended_are_freed():
    """Memory follows the counters that run, not all there ever were."""
    clock = Clock()
    counters = MemoryCounters(clock)
    for number in range(_SWEEP_EVERY - 1):
        await counters.add(f"old {number}", 1)
    clock.advance(2)

    await counters.add("new", 1)

    assert list(counters._counts) == ["new"]


async def test_memory_is_bounded():
    """The counter and the bucket that nothing was added to for longest are forgotten."""
    counters = MemoryCounters(Clock(), most=3)
    for key in "abca" + "d":
        await counters.add(key, 60)
        await counters.take(key, 1, 5)

    assert list(counters._counts) == list(counters._full_at) == ["c", "a", "d"]
    assert len(counters) == 6


async def test_buckets_that_are_full_again_are_freed():
    """They say nothing that a new one would not."""
    clock = Clock()
    counters = MemoryCounters(clock)
    for number in range(_SWEEP_EVERY - 1):
        await counters.take(f"old {number}", 1, 1)
    clock.advance(2)

    await counters.take("new", 1, 1)

    assert list(counters._full_at) == ["new"]
