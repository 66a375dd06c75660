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
