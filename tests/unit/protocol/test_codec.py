from __future__ import annotations

import json

import pytest
from msgspec import Raw

from holdfast.errors import ProtocolError
from holdfast.protocol.codec import JSON
from holdfast.protocol.commands import PONG
from holdfast.protocol.messages import ConnectResult, EmptyResult, ErrorBody, Publication, Push, Reply, SubscribeResult


def test_decode_reads_a_batch_in_order() -> None:
    """One command a line, a pong among them is told; blank lines are nothing."""
    commands = JSON.decode(b'{"id":1,"connect":{"token":"t"}}\n{}\n\n{"id":2,"send":{"data":{"a":[1]}}}\n')

    assert [command.id for command in commands] == [1, 0, 2]
    assert commands[0].connect is not None
    assert commands[0].connect.token == "t"
    assert commands[1] is PONG
    assert commands[2].send is not None
    assert bytes(commands[2].send.data) == b'{"a":[1]}'


@pytest.mark.parametrize(("data", "pongs"), [(b"{}", 1), (b"", 0), (b"\n", 0), (b"{}\n{}\n", 2)])
def test_decode_reads_pongs(data: bytes, pongs: int) -> None:
    """An empty object is a pong, and nothing is nothing."""
    found = JSON.decode(data)

    assert len(found) == pongs
    assert all(command is PONG for command in found)


def test_decode_ignores_unknown_fields() -> None:
    """Newer clients may say more."""
    (command,) = JSON.decode(b'{"id":1,"new":{"x":1},"subscribe":{"channel":"a","delta":"fossil","other":[]}}')

    assert command.subscribe is not None
    assert command.subscribe.channel == "a"


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"{", "malformed_json"),
        (b"nonsense", "malformed_json"),
        (b'{"id":1,"send":{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "malformed_json"),
        (b"\xff", "malformed_json"),
        (b"[" * 1_000_000, "malformed_command"),
        (b"1", "malformed_command"),
        (b'{"id":"1"}', "malformed_command"),
        (b'{"id":1e400}', "malformed_command"),
        (b'{"id":4294967296}', "malformed_command"),
        (b'{"id":1,"subscribe":{"offset":-1}}', "malformed_command"),
        (b'{"id":1,"subscribe":{"channel":null}}', "malformed_command"),
        (b'{"id":1,"subscribe":[]}', "malformed_command"),
        (b'{"id":1,"ping":{}}\n{"id":', "malformed_json"),
    ],
)
def test_decode_names_what_is_wrong(data: bytes, slug: str) -> None:
    """Whatever comes ends in one of two names."""
    with pytest.raises(ProtocolError) as caught:
        JSON.decode(data)

    assert caught.value.slug == slug


def test_decode_never_quotes_the_client() -> None:
    """Error texts go to logs, and what a client sent may be a token."""
    with pytest.raises(ProtocolError) as caught:
        JSON.decode(b'{"id":1,"connect":{"token":["SECRET"]}}')

    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply(id=1, publish=EmptyResult()), {"id": 1, "publish": {}}),
        (Reply(id=1, subscribe=SubscribeResult()), {"id": 1, "subscribe": {}}),
        (Reply(id=1, connect=ConnectResult("c", pong=True)), {"id": 1, "connect": {"client": "c", "pong": True}}),
        (
            Reply(id=1, error=ErrorBody(109, "token_expired")),
            {"id": 1, "error": {"code": 109, "message": "token_expired"}},
        ),
    ],
)
def test_encode_reply_leaves_out_what_is_default(reply: Reply, expected: object) -> None:
    """The result's key stands even where the result is empty; SDKs look for it."""
    assert json.loads(JSON.encode_reply(reply)) == expected


def test_encode_push_keeps_data_as_it_came() -> None:
    """Application data is carried byte for byte."""
    data = Raw(b'{ "a" : 1.50 }')
    payload = JSON.encode_push(Push(channel="c", pub=Publication(data, None, 3)))

    assert payload == b'{"push":{"channel":"c","pub":{"data":{ "a" : 1.50 },"offset":3}}}'


def test_join_separates_by_one_newline() -> None:
    """One payload stays the very same object."""
    payload = b"{}"

    assert JSON.join([payload]) is payload
    assert JSON.join([b"1", b"2"]) == b"1\n2"
