from __future__ import annotations

import gc

import msgspec

from holdfast.protocol import commands, messages
from holdfast.protocol.messages import NONE, ClientInfo, PresenceResult, PresenceStatsResult, StreamPosition, Struct


def all_messages() -> list[type[Struct]]:
    """Return every message type."""
    return [
        one
        for one in (vars(messages) | vars(commands)).values()
        if isinstance(one, type) and issubclass(one, Struct) and one is not Struct
    ]


def test_messages_ignore_unknown_fields() -> None:
    """Every peer may be newer than we are."""
    for message in all_messages():
        assert message.__struct_config__.forbid_unknown_fields is False


def test_messages_are_not_looked_at_by_the_collector() -> None:
    """There may be hundreds of thousands in histories."""
    assert not gc.is_tracked(ClientInfo("anna", "c"))


def test_payload_that_is_absent_is_left_out() -> None:
    """No payload is not `null`."""
    assert msgspec.json.encode(ClientInfo("anna", "c", NONE, NONE)) == b'{"user":"anna","client":"c"}'


def test_presence_results_are_always_whole() -> None:
    """SDKs read these fields without asking whether they are there."""
    assert msgspec.json.encode(PresenceResult()) == b'{"presence":{}}'
    assert msgspec.json.encode(PresenceStatsResult()) == b'{"num_clients":0,"num_users":0}'


def test_stream_position_compares_by_value() -> None:
    """Two notes of one place are equal."""
    assert StreamPosition(1, "e") == StreamPosition(1, "e")
