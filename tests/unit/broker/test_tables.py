"""The embedded broker's tables; what every broker promises of them is in the broker suite."""

from __future__ import annotations

from holdfast.broker.tables import MemoryTables
from tests.brokers import Clock


async def test_expired_values_are_freed_when_a_table_is_read():
    """Nothing stays in memory that nobody can read."""
    clock = Clock()
    tables = MemoryTables(clock)
    await tables.put("nodes", "a", b"1", 10)
    await tables.put("nodes", "b", b"2", 30)

    clock.advance(20)

    assert await tables.read("nodes") == {"b": b"2"}
    assert list(tables._tables["nodes"]) == ["b"]
