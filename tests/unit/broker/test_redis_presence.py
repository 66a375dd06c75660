"""Presence in Redis but for Redis: keys, entries and answers; what it promises is in the broker suite."""

from __future__ import annotations

import pytest
from msgspec import Raw

from holdfast.broker.base import PresenceStats
from holdfast.broker.redis_presence import RedisPresence, pack, unpack
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo
from tests.redis_links import ScriptedLink

INFO = ClientInfo("änn:1", "c1", Raw(b'{"a":"2:x"}'), Raw(b"[1]"))


def test_entry_comes_back_as_it_was():
    """Whatever bytes are in it."""
    for info in (INFO, ClientInfo("", "c1"), ClientInfo("1:", "c1", chan_info=Raw(b"0:"))):
        assert unpack("c1", pack(info)) == info


@pytest.mark.parametrize("value", [b"", b"ann", b"9:ann", b"-1:ann", b"3:ann", b"3:annx:", b"2:\xff\xff0:"])
def test_foreign_entry_is_named(value: bytes):
    """What no gateway wrote is no client."""
    with pytest.raises(BrokerError, match="broker_foreign_key"):
        unpack("c1", value)


async def test_keys_of_a_channel_are_in_one_slot():
    """All three have the channel's tag, so that one script may touch them in a cluster."""
    link = ScriptedLink(1, 1)
    await RedisPresence(link).add("news", "c1", INFO, 1.5)
    await RedisPresence(link).remove("news", "c1")

    assert [call[1] for call in link.calls] == [[b"p:{news}:p", b"p:{news}:pe", b"p:{news}:pu"]] * 2
    assert link.calls[0][2] == ["c1", pack(INFO), 1500]


async def test_client_without_an_entry_is_left_out():
    """Where Redis forgot one of the keys."""
    link = ScriptedLink([[b"c1", b"c2"], [pack(INFO), None]])

    assert await RedisPresence(link).get("news") == {"c1": INFO}


async def test_users_are_never_more_than_clients():
    """Some of those whose clients ended may still be counted."""
    assert await RedisPresence(ScriptedLink([3, 7])).stats("news") == PresenceStats(3, 3)
