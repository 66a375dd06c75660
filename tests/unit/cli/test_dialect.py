"""Tests of holdfast.cli.dialect."""

from __future__ import annotations

import json

import pytest
from msgspec import Raw

from holdfast.cli.dialect import JSON_DIALECT, ProtobufDialect
from holdfast.errors import ProtocolError
from holdfast.protocol.messages import Publication, Push, Reply, SubscribeResult
from holdfast.protocol.protobuf import PROTOBUF


def test_json_travels_as_it_is():
    """Lines are a message."""
    assert JSON_DIALECT.write(["{}", "[1]"]) == "{}\n[1]"
    assert JSON_DIALECT.read("{}\n[1]") == "{}\n[1]"


def test_commands_become_protobuf():
    """The gateway's codec reads what the client says, a pong too."""
    written = ProtobufDialect().write(['{"id":1,"connect":{"token":"t","name":"n"}}', "{}"])
    assert isinstance(written, bytes)
    connect, pong = PROTOBUF.decode(written)

    assert connect.connect is not None
    assert (connect.id, connect.connect.token, connect.connect.name) == (1, "t", "n")
    assert pong == PROTOBUF.decode(PROTOBUF.ping)[0]


def test_replies_become_json():
    """Pings, pushes and recovered publications are told; bytes that are no JSON come in base64."""
    push = Push(channel="a", pub=Publication(Raw(b"\xff"), offset=7))
    missed = [Publication(Raw(b'{"a":1}'), offset=1), Publication(offset=2)]
    reply = Reply(id=2, subscribe=SubscribeResult(publications=missed, recovered=True))
    message = PROTOBUF.join([PROTOBUF.ping, PROTOBUF.encode_push(push), PROTOBUF.encode_reply(reply)])

    assert [json.loads(line) for line in ProtobufDialect().read(message).split("\n")] == [
        {},
        {"push": {"channel": "a", "pub": {"data": {"b64data": "/w=="}, "offset": 7}}},
        {"id": 2, "subscribe": {"publications": [{"data": {"a": 1}, "offset": 1}, {"offset": 2}], "recovered": True}},
    ]


def test_what_is_no_protobuf_is_an_error():
    """A server that speaks something else is not taken for a silent one."""
    with pytest.raises(ProtocolError, match="malformed_protobuf"):
        ProtobufDialect().read("<html>")
