"""Tables in Redis but for Redis; what they promise is in the broker suite."""

from __future__ import annotations

from holdfast.broker.redis_tables import RedisTables
from tests.redis_links import ScriptedLink


async def test_table_is_one_key():
    """It is written value by value and read as a whole."""
    link = ScriptedLink(1, 0, [b"b", b"2"])
    tables = RedisTables(link)
    await tables.put("nodes", "a", b"1", 10)
    await tables.remove("nodes", "a")

    assert await tables.read("nodes") == {"b": b"2"}
    assert [(keys, args) for _, keys, args in link.calls] == [
        ([b"p:t:{nodes}"], ["a", 10000, b"1"]),
        ([b"p:t:{nodes}"], ["a"]),
        ([b"p:t:{nodes}"], []),
    ]
