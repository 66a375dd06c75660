"""Any bytes to the Protobuf codec: named errors or commands; and what it says means what JSON says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.errors import ProtocolError
from holdfast.protocol import messages
from holdfast.protocol.codec import JSON
from holdfast.protocol.commands import PONG, Command, EmulationRequest
from holdfast.protocol.framing import RAW_PROTOBUF
from holdfast.protocol.messages import Reply
from holdfast.protocol.protobuf import PROTOBUF, decode_message, encode_message
from tests.brokers import Clock
from tests.live import World
from tests.protobuf import decode_replies, encode_commands

REFUSALS = {"malformed_protobuf", "malformed_command"}

KINDS = st.sampled_from([Command, EmulationRequest, Reply, messages.Push, messages.SubscribeResult])

texts = st.text(max_size=8)
payloads = st.sampled_from([{}, {"a": [1, None]}, "text", 7, True])
offsets = st.sampled_from([0, 1, 127, 128, 2**32, 2**63, 2**64 - 1])
subscribe = {
    "channel": texts,
    "token": texts.filter(bool),
    "recover": st.booleans(),
    "epoch": texts,
    "offset": offsets,
    "data": payloads,
    "positioned": st.booleans(),
    "recoverable": st.booleans(),
    "join_leave": st.booleans(),
    "delta": texts,
    "flag": st.integers(0, 2**63 - 1),
}
of_a_channel = {"channel": texts}
REQUESTS: dict[str, dict[str, Any]] = {
    "connect": {
        "token": texts.filter(bool),
        "data": payloads,
        "subs": st.dictionaries(texts, st.fixed_dictionaries({}, optional=subscribe), min_size=1, max_size=3),
        "name": texts,
        "version": texts,
        "headers": st.dictionaries(texts, texts, min_size=1, max_size=3),
    },
    "subscribe": subscribe,
    "unsubscribe": of_a_channel,
    "publish": {"channel": texts, "data": payloads},
    "presence": of_a_channel,
    "presence_stats": of_a_channel,
    "history": {
        "channel": texts,
        "limit": st.integers(-(2**31), 2**31 - 1),
        "since": st.fixed_dictionaries({}, optional={"offset": offsets, "epoch": texts}),
        "reverse": st.booleans(),
    },
    "ping": {},
    "send": {"data": payloads},
    "rpc": {"data": payloads, "method": texts},
    "refresh": {"token": texts},
    "sub_refresh": {"channel": texts, "token": texts},
}
ids = st.integers(1, 2**32 - 1)
commands = st.sampled_from(sorted(REQUESTS)).flatmap(
    lambda method: st.fixed_dictionaries({"id": ids, method: st.fixed_dictionaries({}, optional=REQUESTS[method])})
)
batches = st.lists(commands | st.just({}), max_size=4)


def decoded(data: bytes, read: Callable[[bytes], Any] = PROTOBUF.decode) -> Any:
    """Return what a decoder makes of bytes, or the slug of the refusal."""
    try:
        return read(data)
    except ProtocolError as error:
        return error.slug


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a valid batch with some bytes changed, taken out or put in."""
    data = bytearray(encode_commands(*draw(batches)))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)


@given(st.binary(max_size=200) | damaged())
@settings(max_examples=500)
def test_decoder_returns_commands_or_a_named_error(data: bytes):
    """Whatever comes, there is nothing but commands and ProtocolError, and the commands keep to their bounds."""
    found = decoded(data)

    if isinstance(found, str):
        assert found in REFUSALS
    else:
        assert all(isinstance(one, Command) and 0 <= one.id < 2**32 for one in found)


@given(KINDS, st.binary(max_size=100))
def test_every_message_decodes_or_is_refused_by_name(kind: type[msgspec.Struct], data: bytes):
    """What is not a command is read as carefully."""
    found = decoded(data, partial(decode_message, kind))

    assert isinstance(found, kind) or found in REFUSALS


@given(batches, st.data())
def test_decoder_refuses_a_batch_that_was_cut(batch: list[dict[str, Any]], data: st.DataObject):
    """A cut between commands leaves the commands before it; any other is told, never guessed at."""
    parts = [encode_commands(one) for one in batch]
    whole = b"".join(parts)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [sum(map(len, parts[:count])) for count in range(len(parts) + 1)]

    found = decoded(whole[:cut])

    if cut in ends:
        assert found == decoded(whole)[: ends.index(cut)]
    else:
        assert found == "malformed_protobuf"


@given(batches)
def test_decoder_finds_what_json_would_have_said(batch: list[dict[str, Any]]):
    """A command means the same in both codecs, field by field."""
    found = PROTOBUF.decode(encode_commands(*batch))

    assert found == JSON.decode("\n".join(json.dumps(one) for one in batch).encode())
    assert [one is PONG for one in found] == [one == {} for one in batch]


def raw(value: Any) -> msgspec.Raw:
    """Return a payload."""
    return msgspec.Raw(json.dumps(value).encode())


raws = payloads.map(raw)
u32 = st.sampled_from([0, 1, 127, 128, 2**31, 2**32 - 1])
infos = st.builds(messages.ClientInfo, texts, texts, raws, raws)
publications = st.builds(
    messages.Publication,
    raws,
    st.none() | infos,
    offsets,
    st.none() | st.dictionaries(texts, texts, min_size=1, max_size=2),
)
subscribed = st.builds(
    messages.SubscribeResult,
    st.booleans(),
    u32,
    st.booleans(),
    texts,
    st.lists(publications, max_size=3),
    st.booleans(),
    offsets,
    st.booleans(),
    raws,
    st.booleans(),
)
connected = st.builds(
    messages.ConnectResult,
    texts,
    texts,
    st.booleans(),
    u32,
    raws,
    st.none() | st.dictionaries(texts, subscribed, min_size=1, max_size=2),
    u32,
    st.booleans(),
    texts,
    texts,
)
pushes = st.one_of(
    st.builds(messages.Push, channel=texts, pub=publications),
    st.builds(messages.Push, channel=texts, join=st.builds(messages.MemberPush, infos)),
    st.builds(messages.Push, channel=texts, unsubscribe=st.builds(messages.UnsubscribePush, u32, texts)),
    st.builds(messages.Push, disconnect=st.builds(messages.DisconnectPush, u32, texts, st.booleans())),
    st.builds(messages.Push, refresh=st.builds(messages.RefreshPush, st.booleans(), u32)),
)
replies = st.one_of(
    st.builds(Reply, id=ids, error=st.builds(messages.ErrorBody, u32, texts, st.booleans())),
    st.builds(Reply, id=ids, connect=connected),
    st.builds(Reply, id=ids, subscribe=subscribed),
    st.builds(Reply, id=ids, publish=st.just(messages.EmptyResult())),
    st.builds(Reply, id=ids, history=st.builds(messages.HistoryResult, st.lists(publications), texts, offsets)),
    st.builds(
        Reply,
        id=ids,
        presence=st.builds(messages.PresenceResult, st.dictionaries(texts, infos, min_size=1, max_size=2)),
    ),
    st.builds(Reply, push=pushes),
)


def told(value: Any) -> Any:
    """Return what is said without what need not be: empty and zero fields of messages."""
    if isinstance(value, list):
        return [told(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {key: told(one) for key, one in value.items() if key in PAYLOADS or one not in ("", 0, [], None)}


PAYLOADS = {"data", "conn_info", "chan_info"}


@given(st.lists(replies, min_size=1, max_size=3))
def test_encoder_says_what_json_would_have_said(found: list[Reply]):
    """A stock SDK reads the same replies and pushes out of both codecs."""
    payload = PROTOBUF.join(
        [PROTOBUF.encode_push(one.push) if one.push else PROTOBUF.encode_reply(one) for one in found]
    )
    lines = JSON.join([JSON.encode_reply(one) for one in found])

    assert [told(one) for one in decode_replies(payload)] == [told(json.loads(line)) for line in lines.split(b"\n")]


@given(replies)
def test_replies_come_back_as_they_were(reply: Reply):
    """Our own client reads what the gateway writes."""
    found = decode_message(Reply, encode_message(reply))

    assert told(json.loads(JSON.encode_reply(found))) == told(json.loads(JSON.encode_reply(reply)))


@given(st.lists(st.binary(max_size=40) | damaged(), min_size=1, max_size=6))
@settings(deadline=None)
def test_session_survives_any_bytes(frames: list[bytes]):
    """Each frame is answered or ends the connection by name; nothing fails inside, nothing stays behind."""
    asyncio.run(run_session(frames))


async def run_session(frames: list[bytes]) -> None:
    """Play frames to an open session and look at what is left."""
    world = await World(Clock(1_700_000_000.0)).start()
    client = world.connect("eve", encoding=RAW_PROTOBUF)
    for frame in frames:
        client.send(frame)
    await world.turn()
    errors = [reply["error"]["message"] for reply in client.received() if "error" in reply]

    assert "internal_error" not in errors
    assert client.transport.closed is None or client.transport.closed[1] != "server_error"
    client.hang_up()
    await world.turn()
    assert world.manager.count == 0
    assert len(world.hub) == 0
    await world.broker.stop()
