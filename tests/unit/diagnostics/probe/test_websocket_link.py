"""Tests of holdfast.diagnostics.probe.websocket_link."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.utils import accept_key

from holdfast.cli.dialect import ProtobufDialect
from holdfast.diagnostics.probe.http import NotHttpError
from holdfast.diagnostics.probe.link import EndedError, InvalidUpgradeError, RefusedError, StrangeError
from holdfast.diagnostics.probe.way import CutError
from holdfast.diagnostics.probe.websocket_link import WebSocketLink
from holdfast.diagnostics.probe.wire import Wire
from holdfast.protocol.frames import OPCODE_PING, OPCODE_TEXT, encode_close, encode_frame
from tests.probing import CID, FakeStream, http, target


def switching(*more: bytes, headers: str = "Upgrade: websocket\r\nConnection: upgrade\r\n"):
    """Return an answer to a handshake that accepts it, with bytes behind it."""

    def answer(request: bytes) -> list[bytes]:
        if (key := re.search(rb"Sec-WebSocket-Key: (\S+)", request)) is None:
            return []
        accepted = (
            f"HTTP/1.1 101 Switching Protocols\r\n{headers}Sec-WebSocket-Accept: {accept_key(key[1].decode())}\r\n\r\n"
        )
        return [accepted.encode() + b"".join(more)]

    return answer


async def opened(*more: bytes, dialect=None) -> tuple[WebSocketLink, FakeStream]:
    """Return a link that is open, with bytes that came behind the handshake."""
    stream = FakeStream(answer=switching(*more))
    link = WebSocketLink(Wire(stream), target(origin="https://a.test"), dialect)
    await link.open("")
    return link, stream


def text(payload: str) -> bytes:
    """Return a server's frame."""
    return encode_frame(OPCODE_TEXT, payload.encode())


async def test_handshake_is_what_rfc_6455_asks_for() -> None:
    """With the id of the attempt in the query."""
    link, stream = await opened()

    head = stream.sent.decode()
    assert head.startswith(f"GET /connection/websocket?cid={CID} HTTP/1.1\r\nHost: gateway.test\r\n")
    assert "Upgrade: websocket\r\nConnection: Upgrade\r\n" in head
    assert "Sec-WebSocket-Version: 13\r\n" in head
    assert "Origin: https://a.test\r\n" in head
    assert "Sec-WebSocket-Extensions" not in head
    assert ("Upgrade", "websocket") in link.sent


async def test_messages_of_one_read_come_one_after_the_other() -> None:
    """None is lost, also where they came with the handshake, and pings are answered."""
    frames = text('{"id":1}') + encode_frame(OPCODE_PING, b"x") + text('{"id":2}\n{"id":3}')
    link, stream = await opened(frames)

    assert await link.receive() == [{"id": 1}]
    assert await link.receive() == [{"id": 2}, {"id": 3}]
    assert b"\x8a\x81" in stream.sent


async def test_fragments_are_one_message() -> None:
    """RFC 6455, 5.4."""
    link, _ = await opened(b'\x01\x03{"i', b'\x80\x05d":1}')

    assert await link.receive() == [{"id": 1}]


async def test_refusal_comes_with_its_body() -> None:
    """The cause is in it."""
    link = WebSocketLink(Wire(FakeStream(http(403, {"slug": "x"}))), target())

    with pytest.raises(RefusedError) as caught:
        await link.open("")
    assert (caught.value.answer.status, caught.value.answer.json()) == (403, {"slug": "x"})


async def test_refusal_without_an_end_is_taken_as_far_as_it_came() -> None:
    """A page that trickles must not use up the time."""
    link = WebSocketLink(Wire(FakeStream(b"HTTP/1.1 200 OK\r\n\r\n<html>", b"")), target())

    with pytest.raises(RefusedError) as caught:
        await link.open("")
    assert caught.value.answer.body == b"<html>"


@pytest.mark.parametrize("headers", ["", "Upgrade: websocket\r\n", "Upgrade: h2c\r\nConnection: upgrade\r\n"])
async def test_acceptance_that_breaks_the_rfc_is_told(headers: str) -> None:
    """A proxy may have changed headers."""
    link = WebSocketLink(Wire(FakeStream(answer=switching(headers=headers))), target())

    with pytest.raises(InvalidUpgradeError):
        await link.open("")


async def test_acceptance_for_another_key_is_told() -> None:
    """It is somebody else's answer."""
    stream = FakeStream(
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
    )

    with pytest.raises(InvalidUpgradeError, match="Accept"):
        await WebSocketLink(Wire(stream), target()).open("")


@pytest.mark.parametrize(
    ("pieces", "error"),
    [((b"",), CutError), ((ConnectionResetError(104, "reset"),), CutError), ((b"SSH-2.0\r\n",), NotHttpError)],
)
async def test_handshake_without_an_answer_is_told(pieces, error) -> None:
    """Each end has its own exception."""
    with pytest.raises(error):
        await WebSocketLink(Wire(FakeStream(*pieces)), target()).open("")


async def test_close_frame_ends_with_code_and_reason() -> None:
    """They are what the server has to say."""
    link, _ = await opened(text("{}") + encode_close(3001, "shutdown"))

    assert await link.receive() == [{}]
    with pytest.raises(EndedError) as caught:
        await link.receive()
    assert (caught.value.code, caught.value.reason) == (3001, "shutdown")


@pytest.mark.parametrize(
    "frames",
    [b"\xc1\x02{}", b"\x81\x82\x00\x00\x00\x00{}", b"\x83\x00", b"\x80\x00", b"\x81\x7f" + b"\x00\x00\x00\xff" * 2],
    ids=["compressed", "masked", "opcode", "continuation", "huge"],
)
async def test_frames_that_break_the_rfc_are_told(frames: bytes) -> None:
    """No compression was agreed on, and no message is larger than a megabyte."""
    link, _ = await opened(frames)

    with pytest.raises(StrangeError, match="RFC 6455"):
        await link.receive()


async def test_connection_that_ends_without_a_word_is_cut() -> None:
    """Closed, or reset."""
    for end in (b"", ConnectionResetError(104, "reset")):
        link, stream = await opened()
        stream._pieces.put_nowait(end)

        with pytest.raises(CutError):
            await link.receive()


@pytest.mark.parametrize(("end", "is_answered"), [(encode_close(1000), True), (b"", False)])
async def test_goodbye_is_answered_or_not(end: bytes, is_answered: bool) -> None:
    """What else comes meanwhile does not matter."""
    link, stream = await opened()
    stream._pieces.put_nowait(text("{}"))
    stream._pieces.put_nowait(end)

    assert await link.close() is is_answered
    link.abort()
    assert stream.is_closed


async def test_protobuf_travels_in_binary_frames() -> None:
    """And is offered as the SDKs do."""
    link, stream = await opened(dialect=ProtobufDialect())
    await link.begin('{"id": 1, "connect": {}}')
    frame = stream.sent.rpartition(b"\r\n\r\n")[2]
    stream._pieces.put_nowait(b"\x82\x03\xff\xff\xff")

    assert b"Sec-WebSocket-Protocol: centrifuge-protobuf" in stream.sent
    assert frame[0] == 0x82
    with pytest.raises(StrangeError, match="Protobuf"):
        await link.receive()


@given(st.lists(st.binary(max_size=80), max_size=5))
async def test_any_frames_end_in_a_reply_or_an_end(pieces: list[bytes]) -> None:
    """Nothing else is raised, however the bytes are cut."""
    link, stream = await opened()
    for piece in [*filter(None, pieces), b""]:
        stream._pieces.put_nowait(piece)
    with pytest.raises((EndedError, StrangeError, CutError)):
        await read_to_the_end(link)


async def read_to_the_end(link: WebSocketLink) -> None:
    """Read until nothing more comes."""
    while True:
        await link.receive()
