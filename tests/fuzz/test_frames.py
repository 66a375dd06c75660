"""The frame parser and decompression against any bytes in any pieces, and against the `websockets` library."""

from __future__ import annotations

import zlib
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from holdfast.errors import ProtocolError
from holdfast.protocol.compression import Compression, decompress
from holdfast.protocol.deflate import deflate
from holdfast.protocol.frames import (
    COMPRESSED,
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
SLUGS_OF_COMPRESSION = SLUGS | {"frame_deflate_malformed"}
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


def outcome(chunks: list[bytes], *, may_compress: bool = False) -> tuple[list[tuple[int, bytes]], str]:
    """Return the events of a fresh parser, messages decompressed, and the slug it ended with, if any."""
    parser = FrameParser(LIMIT, may_compress)
    events: list[tuple[int, bytes]] = []
    try:
        for chunk in chunks:
            for opcode, payload in parser.feed(memoryview(chunk)):
                plain = opcode & ~COMPRESSED
                events.append((plain, decompress(plain, payload, LIMIT) if opcode & COMPRESSED else payload))
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


def reference(data: bytes, *extensions: PerMessageDeflate) -> tuple[list[tuple[int, bytes]], int]:
    """Return what `websockets` finds, and the close code of its refusal, 0 for none."""
    protocol = ServerProtocol(state=OPEN, max_size=LIMIT)
    protocol.extensions = list(extensions)
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


def flipped(data: bytes, at: int, bit: int) -> bytes:
    """Return the data with one bit changed."""
    changed = bytearray(data)
    changed[at % len(data)] ^= 1 << bit
    return bytes(changed)


def with_final_block(message: bytes) -> bytes:
    """Return a message compressed in the manner of RFC 7692, 7.2.3.4."""
    return zlib.compress(message, wbits=-15) + b"\0"


MESSAGES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=300).map(str.encode),
    st.builds(bytes.__mul__, st.sampled_from([b"\0", b"ab", b"[1,2],"]), st.integers(0, 3 * LIMIT)),
)
WHOLE = st.one_of(
    st.builds(deflate, MESSAGES, st.sampled_from([1, 6, 9]), st.integers(9, 15)), st.builds(with_final_block, MESSAGES)
)
PACKED = st.one_of(
    WHOLE,
    st.tuples(WHOLE, WHOLE).map(b"".join),
    st.builds(lambda data, size: data[:size], WHOLE, st.integers(0, 60)),
    st.builds(flipped, WHOLE, st.integers(0, 300), st.integers(0, 7)),
    st.tuples(WHOLE, st.binary(max_size=8)).map(b"".join),
    st.binary(max_size=60),
)


@st.composite
def compressed_frames(draw: st.DrawFn) -> bytes:
    """A compressed message, whole or in two pieces with a ping between them."""
    opcode, data = draw(st.sampled_from([OPCODE_TEXT, OPCODE_BINARY])), draw(PACKED)
    if draw(st.booleans()):
        return client_frame(COMPRESSED | opcode, data)
    cut = draw(st.integers(0, len(data)))
    first = client_frame(COMPRESSED | opcode, data[:cut], final=False)
    return first + client_frame(OPCODE_PING, b"!") + client_frame(OPCODE_CONTINUATION, data[cut:])


@given(
    st.lists(st.one_of(compressed_frames(), FRAMES), max_size=5).map(b"".join),
    st.lists(st.integers(0, 5000), max_size=30),
)
@settings(deadline=None, max_examples=400)
def test_any_compressed_bytes_end_in_events_or_a_named_error(data, cuts):
    """Whatever comes compressed, only our own errors are raised, nothing outgrows the limit, pieces do not matter."""
    events, slug = outcome([data], may_compress=True)

    assert slug in SLUGS_OF_COMPRESSION | {""}
    assert all(len(payload) <= LIMIT for _, payload in events)
    assert outcome(pieces(data, cuts), may_compress=True) == (events, slug)


@given(st.lists(compressed_frames(), max_size=4).map(b"".join))
@settings(deadline=None, max_examples=400)
def test_decompression_agrees_with_websockets(data):
    """What we take, `websockets` takes for the same, or for the beginning of it.

    It leaves out what follows a final block. It also hands on what there is of a message that was cut short or has
    bytes behind its last block; those we refuse.
    """
    events, slug = outcome([data], may_compress=True)
    theirs, refusal = reference(data, PerMessageDeflate(True, True, 15, 15))

    if not slug:
        assert not refusal
        assert len(events) == len(theirs)
    for (opcode, payload), (their_opcode, their_payload) in zip(events, theirs, strict=False):
        assert opcode == their_opcode
        assert payload.startswith(their_payload)
    if refusal == 1009:
        assert slug


@given(MESSAGES, st.sampled_from([9, 12]), st.sampled_from([1, 6]), st.integers(0, 50))
@settings(deadline=None, max_examples=300)
def test_websockets_reads_what_we_compress(message, window_bits, level, min_size):
    """A client with a window of that size and without context gets the message."""
    frame = Compression(min_size, level).frame(OPCODE_BINARY, window_bits, message)
    client = ClientProtocol(parse_uri("ws://gateway.test"), state=OPEN, max_size=None)
    client.extensions = [PerMessageDeflate(True, True, window_bits, 15)]

    client.receive_data(frame + frame)

    assert [(event.opcode, bytes(event.data)) for event in client.events_received()] == [(OPCODE_BINARY, message)] * 2
