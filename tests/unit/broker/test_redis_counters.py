"""Counters in Redis but for Redis; what they promise is in the broker suite."""

from __future__ import annotations

from holdfast.broker.base import Count
from holdfast.broker.redis_counters import RedisCounters
from tests.redis_links import ScriptedLink


async def test_calls_and_answers():
    """Times travel in milliseconds, and a bucket's rate as the time that one event takes."""
    link = ScriptedLink([3, 1500], [4, 60000], [0, 0], 1, 250)
    counters = RedisCounters(link)

    assert await counters.add("ann", 2) == Count(3, 1.5)
    assert await counters.add("ann", 60, -1, prolong=True) == Count(4, 60)
    assert await counters.get("ann") == Count(0, 0)
    await counters.clear("ann")
    assert await counters.take("ann", 4, 30) == 0.25
    assert [args for _, _, args in link.calls] == [[1, 2000, 0], [-1, 60000, 1], [], [], ["250.0", 30]]
    assert {tuple(keys) for _, keys, _ in link.calls} == {(b"p:n:{ann}",)}
