"""The frame parser against any bytes in any pieces, and against the `websockets` library."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from holdfast.errors import ProtocolError
from holdfast.protocol.frames import (
    OPCODE_BINARY,
    OPCODE_CLOSE,
    OPCODE_CONTINUATION,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
    FrameParser,
    single_binary_frame,
    single_text_frame,
)
from tests.sockets import client_frame

LIMIT = 1000
SLUGS = {
    "frame_unmasked",
    "frame_reserved_bits",
    "frame_reserved_opcode",
    "frame_length",
    "frame_control_too_long",
    "frame_control_fragmented",
    "frame_continuation_unexpected",
    "frame_continuation_expected",
    "frame_close_malformed",
    "invalid_utf8",
    "message_too_big",
}
OPCODES = st.sampled_from(
    [OPCODE_CONTINUATION, OPCODE_TEXT, OPCODE_BINARY, OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG, 0x3, 0xB]
)
PAYLOADS = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=200).map(str.encode),
    st.builds(lambda code, reason: code.to_bytes(2) + reason, st.integers(0, 5000), st.binary(max_size=130)),
    st.binary(min_size=900, max_size=1100),
)
FRAMES = st.builds(
    lambda opcode, payload, final, mask: client_frame(opcode, payload, final=final, mask=mask),
    OPCODES,
    PAYLOADS,
    st.booleans(),
    st.binary(min_size=4, max_size=4),
)
STREAMS = st.one_of(
    st.binary(max_size=300),
    st.lists(FRAMES, max_size=6).map(b"".join),
    st.tuples(st.lists(FRAMES, max_size=4).map(b"".join), st.binary(max_size=40)).map(b"".join),
)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return `data` cut at the positions, taken modulo its length."""
    edges = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(edges)]


def outcome(chunks: list[bytes]) -> tuple[list[tuple[int, bytes]], str]:
    """Return the events of a fresh parser and the slug it ended with, if any."""
    parser = FrameParser(LIMIT)
    events: list[tuple[int, bytes]] = []
    try:
        for chunk in chunks:
            for event in parser.feed(memoryview(chunk)):
                events.append(event)
    except ProtocolError as error:
        return events, error.slug
    return events, ""


@given(STREAMS, st.lists(st.integers(0, 5000), max_size=30))
@settings(deadline=None, max_examples=500)
def test_any_bytes_end_in_events_or_a_named_error(data, cuts):
    """Whatever comes, the parser raises nothing but its own errors, and the pieces do not matter."""
    events, slug = outcome([data])

    assert slug in SLUGS | {""}
    assert all(len(payload) <= LIMIT for _, payload in events)
    assert outcome(pieces(data, cuts)) == (events, slug)
    assert outcome([data[i : i + 1] for i in range(len(data))]) == (events, slug)


@given(STREAMS)
@settings(deadline=None, max_examples=300)
def test_short_cut_agrees_with_the_parser(data):
    """What the fast path takes, the parser would have given as the only event."""
    for opcode, short_cut in ((OPCODE_TEXT, single_text_frame), (OPCODE_BINARY, single_binary_frame)):
        payload = short_cut(memoryview(data + b"\0" * 8), len(data), LIMIT)

        if payload is not None:
            assert outcome([data]) == ([(opcode, payload)], "")


def reference(data: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Return what `websockets` finds, and the close code of its refusal, 0 for none."""
    protocol = ServerProtocol(state=OPEN, max_size=LIMIT)
    protocol.receive_data(data)
    events: list[tuple[int, bytes]] = []
    message, message_opcode = b"", 0
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        if frame.opcode & 0x8:
            events.append((int(frame.opcode), bytes(frame.data)))
            continue
        message += bytes(frame.data)
        message_opcode = int(frame.opcode) or message_opcode
        if frame.fin:
            events.append((message_opcode, message))
            message = b""
    refusal = protocol.close_sent.code if protocol.parser_exc is not None and protocol.close_sent else 0
    return events, refusal


@given(st.lists(FRAMES, max_size=6).map(b"".join))
@example(b"\x01\x80\x00\x00\x00\x00\x88\x80\x00\x00\x00\x00")
@settings(deadline=None, max_examples=500)
def test_parser_agrees_with_websockets(data):
    """On frames with minimal lengths both find the same events, up to the same refusal.

    `websockets` leaves the UTF-8 of messages to its caller, so streams are compared as far as ours goes.
    """
    events, slug = outcome([data])
    theirs, refusal = reference(data)

    if slug == "invalid_utf8":
        assert events == theirs[: len(events)]
    elif refusal == 1002 and not slug and events and events[:-1] == theirs:
        # It refuses a close frame between the fragments of a message, which RFC 6455 5.4 lets control frames stand in.
        assert events[-1][0] == OPCODE_CLOSE
    else:
        assert events == theirs
        assert bool(slug) == bool(refusal)
        if slug == "message_too_big":
            assert refusal == 1009
