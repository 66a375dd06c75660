"""Any bytes and any structure from another instance: ignored and counted, or taken; never a crash."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.brokers import Clock
from tests.pair import Pair

TYPES = [
    "disconnect",
    "refresh",
    "subscribe",
    "unsubscribe",
    "revoke",
    "reread",
    "channels",
    "explain",
    "part",
    "answer",
]
FIELDS = [
    "user",
    "client",
    "channel",
    "info",
    "since",
    "overrides",
    "jti",
    "of",
    "number",
    "total",
    "body",
    "slug",
    "cid",
]
scalars = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=9) | st.binary(max_size=9)
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))
messages = st.builds(
    lambda head, body: {**body, **head},
    st.fixed_dictionaries(
        {
            "v": st.sampled_from([1, 1, 1, 0, 2, "1"]),
            "type": st.sampled_from(TYPES) | st.text(max_size=9),
            "sender": st.sampled_from(["there", "here", "nobody"]) | scalars,
            "uid": st.text(min_size=1, max_size=3) | scalars,
            "id": st.text(max_size=3) | scalars,
        }
    ),
    st.dictionaries(st.sampled_from(FIELDS), values, max_size=5),
)


async def hear(raw: bytes) -> None:
    """Let an instance get a message, and see that it still answers."""
    pair = await Pair(Clock(1_700_000_000.0)).start()
    pair.here.cluster.bus.receive(raw)
    await pair.here.turn()

    assert await pair.there.cluster.channels.count() == ({}, [])


@given(st.binary(max_size=64))
def test_any_bytes(raw: bytes) -> None:
    """What is no message harms nobody."""
    asyncio.run(hear(raw))


@given(messages)
def test_any_fields(message: dict[str, Any]) -> None:
    """Nor does one whose fields are of any kind."""
    asyncio.run(hear(msgspec.msgpack.encode(message)))
