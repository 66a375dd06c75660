from __future__ import annotations

import pytest
from centrifuge.protocol import client_pb2
from msgspec import Raw

from holdfast.errors import ProtocolError
from holdfast.protocol.commands import PONG, EmulationRequest
from holdfast.protocol.messages import (
    ClientInfo,
    ConnectResult,
    EmptyResult,
    ErrorBody,
    HistoryResult,
    Publication,
    Push,
    Reply,
    Welcome,
)
from holdfast.protocol.protobuf import (
    MOST_MESSAGES,
    MOST_PARTS,
    PROTOBUF,
    decode_message,
    delimited,
    encode_message,
    split,
)


def batch(*commands: client_pb2.Command) -> bytes:
    """Return commands as a stock SDK sends them."""
    return b"".join(delimited(command.SerializeToString()) for command in commands)


def test_decode_reads_a_batch_in_order():
    """Each command stands behind its length; a pong among them is told."""
    connect = client_pb2.Command(id=1, connect=client_pb2.ConnectRequest(token="t", headers={"a": "b"}))
    connect.connect.subs["news"].offset = 2**64 - 1
    publish = client_pb2.Command(id=2, publish=client_pb2.PublishRequest(channel="c", data=b"\xff\0"))

    commands = PROTOBUF.decode(batch(connect, client_pb2.Command(), publish))

    assert [command.id for command in commands] == [1, 0, 2]
    assert commands[0].connect is not None
    assert (commands[0].connect.token, commands[0].connect.headers) == ("t", {"a": "b"})
    assert commands[0].connect.subs is not None
    assert commands[0].connect.subs["news"].offset == 2**64 - 1
    assert commands[1] is PONG
    assert commands[2].publish is not None
    assert bytes(commands[2].publish.data) == b"\xff\0"


def test_decode_takes_an_empty_token_for_none():
    """Protobuf cannot tell an empty text from a missing one."""
    (command,) = PROTOBUF.decode(b"\x06\x08\x01\x22\x02\x0a\x00")

    assert command.connect is not None
    assert command.connect.token is None


@pytest.mark.parametrize(("data", "pongs"), [(b"\0", 1), (b"", 0), (b"\0\0\0", 3)])
def test_decode_reads_pongs(data: bytes, pongs: int):
    """An empty message is a pong, and nothing is nothing."""
    found = PROTOBUF.decode(data)

    assert len(found) == pongs
    assert all(command is PONG for command in found)


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (b"\x80", "malformed_protobuf"),
        (b"\xff" * 30, "malformed_protobuf"),
        (b"\x05\x08\x01", "malformed_protobuf"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "malformed_protobuf"),
        (b"\x02\x08\x01\x03\x08", "malformed_protobuf"),
        (b'{"id":1,"connect":{}}', "malformed_protobuf"),
        (delimited(b"\x08" + b"\xff" * 4 + b"\x10"), "malformed_command"),
    ],
)
def test_decode_names_what_is_wrong(data: bytes, slug: str):
    """Cut-off and endless lengths, lengths beyond the frame, JSON, and ids beyond 32 bits are named errors."""
    with pytest.raises(ProtocolError) as caught:
        PROTOBUF.decode(data)

    assert caught.value.slug == slug


def test_decode_refuses_a_negative_flag_as_json_does():
    """The bounds of the structs hold in both codecs."""
    command = client_pb2.Command(id=1, subscribe=client_pb2.SubscribeRequest(channel="c", flag=-1))

    with pytest.raises(ProtocolError, match="malformed_command"):
        PROTOBUF.decode(batch(command))


def subscribe(tail: bytes) -> bytes:
    """Return a subscribe command whose filter holds further bytes."""
    tail = b"\x6a" + delimited(tail)
    return delimited(b"\x08\x02\x2a" + delimited(tail))


@pytest.mark.parametrize("part", [b"\x32\x00", b"\xf8\x01\x00"], ids=["nodes", "unknown fields"])
def test_decode_bounds_what_is_cheap_to_send_and_dear_to_read(part: bytes):
    """A client may not keep the gateway busy with a frame of thousands of empty nodes or unknown fields."""
    (found,) = PROTOBUF.decode(subscribe(part * (MOST_PARTS // 2)))
    assert found.subscribe is not None

    with pytest.raises(ProtocolError, match="malformed_command"):
        PROTOBUF.decode(subscribe(part * (MOST_PARTS + 1)))


def test_decode_bounds_the_parts_of_a_command_as_a_whole():
    """Spreading them over many nodes is no way around; the next command starts anew."""
    node = b"\x32" + delimited(b"\xf8\x01\x00" * 100)
    assert len(PROTOBUF.decode(subscribe(node * 20) * 3)) == 3

    with pytest.raises(ProtocolError, match="malformed_command"):
        PROTOBUF.decode(subscribe(node * 50))


@pytest.mark.parametrize("message", [b"\0", b"\x04\x08\x02\x2a\x00"], ids=["pongs", "commands"])
def test_decode_bounds_the_messages_of_a_frame(message: bytes):
    """A frame full of the shortest messages is refused before they are read."""
    assert len(PROTOBUF.decode(message * MOST_MESSAGES)) == MOST_MESSAGES

    with pytest.raises(ProtocolError, match="malformed_command"):
        PROTOBUF.decode(message * (MOST_MESSAGES + 1))


def test_decode_message_reads_answers_of_any_length():
    """What a client reads from the gateway has no such bounds."""
    result = HistoryResult([Publication(Raw(b"1"))] * (MOST_PARTS + 1))

    assert decode_message(HistoryResult, encode_message(result)) == result


def test_encode_reply_is_read_by_a_stock_sdk():
    """A reply, an error and an empty result mean to a stock SDK what they say."""
    payloads = [
        PROTOBUF.encode_reply(Reply(id=1, connect=ConnectResult("c", "v", ping=25, pong=True, holdfast=Welcome(1)))),
        PROTOBUF.encode_reply(Reply(id=2, error=ErrorBody(109, "token_expired", True))),
        PROTOBUF.encode_reply(Reply(id=3, publish=EmptyResult())),
    ]

    first, second, third = (client_pb2.Reply.FromString(one) for one in split(PROTOBUF.join(payloads)))

    assert (first.id, first.connect.client, first.connect.ping, first.connect.pong) == (1, "c", 25, True)
    assert (second.error.code, second.error.message, second.error.temporary) == (109, "token_expired", True)
    assert third.HasField("publish")


def test_encode_push_is_read_by_a_stock_sdk():
    """A publication comes with its bytes, position, tags and publisher."""
    info = ClientInfo("u", "c", Raw(b'{"a":1}'))
    push = Push(channel="news", pub=Publication(Raw(b"\xff" * 300), info, 2**63, {"k": "v"}))

    (message,) = split(PROTOBUF.encode_push(push))
    found = client_pb2.Reply.FromString(message).push

    assert (found.channel, found.pub.data, found.pub.offset) == ("news", b"\xff" * 300, 2**63)
    assert (found.pub.info.user, found.pub.info.conn_info, dict(found.pub.tags)) == ("u", b'{"a":1}', {"k": "v"})


def test_messages_go_both_ways_without_a_length():
    """What does not travel in batches has no length before it."""
    request = EmulationRequest("node", "session", Raw(b"\0"))

    assert decode_message(EmulationRequest, encode_message(request)) == request
    assert client_pb2.EmulationRequest.FromString(encode_message(request)).session == "session"
    with pytest.raises(ProtocolError, match="malformed_protobuf"):
        decode_message(EmulationRequest, b"\xff")


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16383, 16384, 70000])
def test_delimited_is_undone_by_split(size: int):
    """A length takes as many bytes as it needs."""
    assert list(split(delimited(b"x" * size) * 2)) == [b"x" * size] * 2
