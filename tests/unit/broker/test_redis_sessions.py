"""Sessions in Redis but for Redis; what they promise is in the broker suite."""

from __future__ import annotations

from holdfast.broker.redis_sessions import RedisSessions
from tests.redis_links import ScriptedLink


async def test_all_of_an_owner_is_under_one_key():
    """So that a cluster keeps it in one place."""
    link = ScriptedLink(1, b"v", 1, 0, [b"1", b"v"])
    store = RedisSessions(link)
    await store.put("a}n", "1", b"v", 60)

    assert await store.get("a}n", "1") == b"v"
    assert await store.swap("a}n", "1", b"v", b"w", 60)
    assert not await store.delete("a}n", "1")
    assert await store.sessions_of("a}n") == {"1": b"v"}
    assert {tuple(keys) for _, keys, _ in link.calls} == {(b"p:l:{a%7Dn}",)}
