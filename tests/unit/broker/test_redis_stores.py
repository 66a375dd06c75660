"""The half of a broker in Redis that keeps no publications; what it promises is in the broker suite."""

from __future__ import annotations

from holdfast.broker.base import PresenceStats
from holdfast.broker.redis_presence import pack
from holdfast.broker.redis_stores import RedisStores
from holdfast.protocol.messages import ClientInfo
from tests.redis_links import ScriptedLink

ANN = ClientInfo("ann", "c1")


async def test_calls_reach_the_stores():
    """Each goes where it belongs."""
    link = ScriptedLink(1, [[b"c1"], [pack(ANN)]], [1, 1], 1, 1, [2, 1000])
    broker = RedisStores(link, "a")  # type: ignore[arg-type]  # as much of a link as it needs
    await broker.add_presence("news", "c1", ANN, 60)

    assert await broker.presence("news") == {"c1": ANN}
    assert await broker.presence_stats("news") == PresenceStats(1, 1)
    await broker.remove_presence("news", "c1")
    await broker.send(b"message", "b")
    assert await broker.counters.get("ann") == (2, 1)
    assert [keys[0] for _, keys, _ in link.calls] == [*[b"p:{news}:p"] * 4, b"p:all", b"p:n:{ann}"]
