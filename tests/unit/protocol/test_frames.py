"""RFC 6455 frames: what is read, what is written, what is refused."""

import pytest

from holdfast.errors import ProtocolError
from holdfast.protocol.deflate import compressed_limit
from holdfast.protocol.frames import (
    COMPRESSED,
    NO_STATUS,
    OPCODE_BINARY,
    OPCODE_CLOSE,
    OPCODE_CONTINUATION,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
    FrameParser,
    encode_close,
    encode_frame,
    parse_close,
    single_binary_frame,
    single_text_frame,
)
from tests.sockets import MASK, client_close, client_frame

LIMIT = 65536


def parse(*chunks, limit=LIMIT):
    """Return the events of a fresh parser."""
    parser = FrameParser(limit)
    return [event for chunk in chunks for event in parser.feed(chunk)]


def refusal(*chunks, limit=LIMIT):
    """Return the slug that the chunks end in."""
    with pytest.raises(ProtocolError) as caught:
        parse(*chunks, limit=limit)
    return caught.value.slug


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_encode_frame_takes_the_shortest_length(size, head):
    """The three forms of a length begin where RFC 6455, 5.2 puts them."""
    assert encode_frame(OPCODE_TEXT, b"x" * size) == head + b"x" * size


def test_encode_close_holds_code_and_reason():
    """A close frame's payload is the code in network order and the reason."""
    assert encode_close(3001, "shutdown") == b"\x88\x0a\x0b\xb9shutdown"


def test_encode_close_without_status_is_empty():
    """1005 is never sent."""
    assert encode_close(NO_STATUS) == b"\x88\x00"


def test_encode_close_cuts_between_characters():
    """A reason that is too long loses whole characters."""
    frame = encode_close(1000, "é" * 100)

    assert len(frame) == 2 + 2 + 122
    assert frame[4:].decode() == "é" * 61


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999])
def test_parse_close_accepts_codes_of_peers(code):
    """Registered codes and those of libraries and applications may come."""
    assert parse_close(code.to_bytes(2) + "bye é".encode()) == (code, "bye é")


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_parse_close_refuses_other_codes(code):
    """Codes that never travel are malformed."""
    with pytest.raises(ProtocolError) as caught:
        parse_close(code.to_bytes(2))

    assert caught.value.slug == "frame_close_malformed"


def test_parse_close_without_payload_has_no_status():
    """An empty close frame stands for 1005."""
    assert parse_close(b"") == (NO_STATUS, "")


@pytest.mark.parametrize(("payload", "slug"), [(b"\x03", "frame_close_malformed"), (b"\x03\xe8\xff", "invalid_utf8")])
def test_parse_close_refuses_half_codes_and_bad_reasons(payload, slug):
    """One byte is no code, and a reason is UTF-8."""
    with pytest.raises(ProtocolError) as caught:
        parse_close(payload)

    assert caught.value.slug == slug


@pytest.mark.parametrize("size", [0, 1, 125, 126, 4000])
def test_single_text_frame_takes_a_whole_frame(size):
    """Exactly one short text frame needs no parser."""
    frame = client_frame(OPCODE_TEXT, b"x" * size)

    assert single_text_frame(memoryview(frame + b"rest"), len(frame), LIMIT) == b"x" * size


@pytest.mark.parametrize(
    "frame",
    [
        b"\x81",
        b"\x81\x85",
        client_frame(OPCODE_TEXT, b"hello")[:-1],
        client_frame(OPCODE_TEXT, b"hello") * 2,
        client_frame(OPCODE_BINARY, b"hello"),
        client_frame(OPCODE_TEXT, b"hello", final=False),
        client_frame(OPCODE_TEXT, b"\xff"),
        client_frame(OPCODE_TEXT, b"x" * 200),
        client_frame(OPCODE_TEXT, b"x" * 70000),
        encode_frame(OPCODE_TEXT, b"hello"),
        b"\x81\xfe\x00\x05" + MASK + b"hello",
        b"\x81\xfe\x00\x00\x00\x00",
    ],
)
def test_single_text_frame_leaves_the_rest_to_the_parser(frame):
    """Anything else, and anything wrong, is not judged here."""
    assert single_text_frame(memoryview(frame), len(frame), 100) is None


def test_single_text_frame_takes_utf8():
    """Text beyond ASCII is checked and taken."""
    frame = client_frame(OPCODE_TEXT, "é€".encode())

    assert single_text_frame(memoryview(frame), len(frame), LIMIT) == "é€".encode()


@pytest.mark.parametrize("payload", [b"", b"\xff\0", b"x" * 4000])
def test_single_binary_frame_takes_a_whole_frame(payload):
    """Exactly one short binary frame needs no parser, whatever its bytes; text is left to the other way."""
    frame = client_frame(OPCODE_BINARY, payload)

    assert single_binary_frame(memoryview(frame), len(frame), LIMIT) == payload
    assert single_binary_frame(memoryview(frame), len(frame) - 1, LIMIT) is None
    assert single_binary_frame(memoryview(client_frame(OPCODE_TEXT, b"a")), 7, LIMIT) is None


def test_parser_joins_fragments_around_control_frames():
    """A ping inside a fragmented message comes first, the message whole."""
    data = (
        client_frame(OPCODE_TEXT, b"one ", final=False)
        + client_frame(OPCODE_PING, b"p")
        + client_frame(OPCODE_CONTINUATION, b"two ", final=False)
        + client_frame(OPCODE_CONTINUATION, b"three")
        + client_frame(OPCODE_BINARY, b"\xff\x00")
        + client_frame(OPCODE_PONG)
    )

    expected = [(OPCODE_PING, b"p"), (OPCODE_TEXT, b"one two three"), (OPCODE_BINARY, b"\xff\x00"), (OPCODE_PONG, b"")]
    assert parse(data) == expected
    assert parse(*(data[i : i + 1] for i in range(len(data)))) == expected


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
def test_parser_reads_every_length(size):
    """The three forms of a length are understood."""
    assert parse(client_frame(OPCODE_BINARY, b"x" * size)) == [(OPCODE_BINARY, b"x" * size)]


def test_parser_ignores_what_follows_a_close():
    """Nothing after a close frame is looked at, however wrong."""
    assert parse(client_close(1000, "bye") + b"\xff\xff", b"\xff") == [(OPCODE_CLOSE, b"\x03\xe8bye")]


@pytest.mark.parametrize(
    ("data", "slug"),
    [
        (encode_frame(OPCODE_TEXT, b"hello"), "frame_unmasked"),
        (b"\xc1\x80", "frame_reserved_bits"),
        (b"\xa1\x80", "frame_reserved_bits"),
        (b"\x91\x80", "frame_reserved_bits"),
        (b"\x83\x80", "frame_reserved_opcode"),
        (b"\x8b\x80", "frame_reserved_opcode"),
        (b"\x81\xfe\x00\x7d" + MASK, "frame_length"),
        (b"\x81\xff" + (65535).to_bytes(8) + MASK, "frame_length"),
        (b"\x81\xff" + (2**63).to_bytes(8) + MASK, "frame_length"),
        (b"\x89\xfe", "frame_control_too_long"),
        (b"\x09\x80", "frame_control_fragmented"),
        (client_frame(OPCODE_CONTINUATION, b"x"), "frame_continuation_unexpected"),
        (
            client_frame(OPCODE_TEXT, b"x", final=False) + client_frame(OPCODE_TEXT, b"y"),
            "frame_continuation_expected",
        ),
        (client_frame(OPCODE_CLOSE, b"\x03"), "frame_close_malformed"),
        (client_frame(OPCODE_TEXT, b"\xff"), "invalid_utf8"),
        (client_frame(OPCODE_TEXT, b"\xe2\x82"), "invalid_utf8"),
    ],
)
def test_parser_names_each_violation(data, slug):
    """Every violation has one slug, also byte by byte."""
    assert refusal(data) == slug
    assert refusal(*(data[i : i + 1] for i in range(len(data)))) == slug


def test_parser_judges_the_limit_by_the_header():
    """A message over the limit is refused before its payload comes; fragments count together."""
    big = client_frame(OPCODE_BINARY, b"x" * 101)

    assert refusal(big[:6], limit=100) == "message_too_big"
    assert parse(client_frame(OPCODE_BINARY, b"x" * 100), limit=100)
    first = client_frame(OPCODE_BINARY, b"x" * 60, final=False)
    assert refusal(first + client_frame(OPCODE_CONTINUATION, b"x" * 41)[:6], limit=100) == "message_too_big"


def test_parser_finds_bad_utf8_before_the_frame_is_complete():
    """The first wrong byte of a text is enough, whatever else is announced."""
    frame = client_frame(OPCODE_TEXT, b"\xce\xba\xff" + b"x" * 1000)

    assert refusal(frame[: 8 + 3]) == "invalid_utf8"


def test_parser_delivers_what_came_before_a_violation():
    """Messages in front of a violation count."""
    parser = FrameParser(LIMIT)
    events = parser.feed(client_frame(OPCODE_TEXT, b"x") + b"\xff\xff")

    assert next(events) == (OPCODE_TEXT, b"x")
    with pytest.raises(ProtocolError):
        next(events)
    assert list(parser.feed(client_frame(OPCODE_TEXT, b"y"))) == []


def test_parser_is_idle_between_messages_only():
    """A parser that remembers nothing can be thrown away."""
    parser = FrameParser(LIMIT)

    assert parser.is_idle
    list(parser.feed(client_frame(OPCODE_TEXT, b"hello")))
    assert parser.is_idle
    list(parser.feed(b"\x81"))
    assert not parser.is_idle
    list(parser.feed(client_frame(OPCODE_TEXT, b"hello")[1:]))
    assert parser.is_idle
    list(parser.feed(client_frame(OPCODE_TEXT, b"hello", final=False)))
    assert not parser.is_idle


def parse_compressed(*chunks, limit=LIMIT):
    """Return the events of a fresh parser that takes compressed messages."""
    parser = FrameParser(limit, may_compress=True)
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_parser_marks_compressed_messages():
    """A message whose first frame has RSV1 comes out whole, marked and as it is; the others as ever."""
    data = (
        client_frame(COMPRESSED | OPCODE_TEXT, b"\xff\xfe")
        + client_frame(COMPRESSED | OPCODE_BINARY, b"a", final=False)
        + client_frame(OPCODE_PING, b"!")
        + client_frame(OPCODE_CONTINUATION, b"b")
        + client_frame(OPCODE_TEXT, b"c")
        + client_frame(COMPRESSED | OPCODE_TEXT, b"")
    )
    expected = [
        (COMPRESSED | OPCODE_TEXT, b"\xff\xfe"),
        (OPCODE_PING, b"!"),
        (COMPRESSED | OPCODE_BINARY, b"ab"),
        (OPCODE_TEXT, b"c"),
        (COMPRESSED | OPCODE_TEXT, b""),
    ]

    assert parse_compressed(data) == expected
    assert parse_compressed(*(data[i : i + 1] for i in range(len(data)))) == expected


@pytest.mark.parametrize(
    "data",
    [
        client_frame(COMPRESSED | OPCODE_PING, b""),
        client_frame(COMPRESSED | OPCODE_CLOSE, b""),
        client_frame(COMPRESSED | 0x20 | OPCODE_TEXT, b""),
        client_frame(0x20 | OPCODE_TEXT, b""),
        client_frame(COMPRESSED | OPCODE_TEXT, final=False) + client_frame(COMPRESSED | OPCODE_CONTINUATION),
    ],
)
def test_parser_takes_the_mark_on_first_frames_alone(data):
    """RSV1 on control frames and continuations, and the other reserved bits, stay violations."""
    with pytest.raises(ProtocolError) as caught:
        parse_compressed(data)

    assert caught.value.slug == "frame_reserved_bits"


def test_parser_bounds_compressed_messages():
    """What comes compressed may be a little longer than the limit, as a bad encoder would make it."""
    most = compressed_limit(1000)

    assert parse_compressed(client_frame(COMPRESSED | OPCODE_TEXT, b"x" * most), limit=1000)
    for data in (
        client_frame(COMPRESSED | OPCODE_TEXT, b"x" * (most + 1))[:8],
        client_frame(COMPRESSED | OPCODE_TEXT, b"x" * most, final=False) + client_frame(OPCODE_CONTINUATION, b"x")[:6],
        client_frame(OPCODE_TEXT, b"x" * 1001)[:8],
    ):
        with pytest.raises(ProtocolError) as caught:
            parse_compressed(data, limit=1000)
        assert caught.value.slug == "message_too_big"


def test_single_text_frame_leaves_compressed_ones_to_the_parser():
    """The short cut knows nothing of compression."""
    frame = client_frame(COMPRESSED | OPCODE_TEXT, b"abc")

    assert single_text_frame(memoryview(frame), len(frame), LIMIT) is None
