"""Encodings that compress: one for each base and window, and what they build."""

import zlib
from dataclasses import replace

import pytest

from holdfast.errors import ProtocolError
from holdfast.protocol.compression import WINDOWS, Compression, decompress
from holdfast.protocol.deflate import deflate
from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_TEXT
from holdfast.protocol.framing import WS_JSON, WS_PROTOBUF

LONG = b'{"push":{"channel":"news"}}' * 20


def unpacked(frame):
    """Return the first byte of a short frame and its payload, decompressed if that byte says so."""
    payload = frame[2:] if frame[1] < 126 else frame[4:]
    return frame[0], zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff") if frame[0] & 0x40 else payload


def test_encoding_is_one_for_all_who_agreed_on_the_same():
    """The hub groups by identity, so the same question has the same answer."""
    compression = Compression(0, 1)

    first = compression.encoding(WS_JSON, 12)
    assert compression.encoding(WS_JSON, 12) is first
    assert compression.encoding(WS_JSON, 9) is not first
    assert compression.encoding(replace(WS_JSON), 12) is not first
    assert first.is_compressed
    assert not WS_JSON.is_compressed
    assert first.codec is WS_JSON.codec


@pytest.mark.parametrize("window_bits", WINDOWS)
def test_encoding_wraps_into_compressed_frames(window_bits):
    """RSV1 and the opcode of the codec; pings are as they were, and units are joined as frames."""
    encoding = Compression(0, 1).encoding(WS_JSON, window_bits)

    unit = encoding.wrap(LONG)
    assert len(unit) < len(LONG) / 5
    assert unpacked(unit) == (0xC1, LONG)
    assert encoding.join([unit, unit]) == unit + unit
    assert encoding.ping == WS_JSON.ping


def test_encoding_compresses_no_long_payload_for_one_client_alone():
    """What many get may be long, for the work is shared; nobody can ask for much of it alone."""
    encoding = Compression(0, 1).encoding(WS_JSON, 12)
    long = b"x" * 65537

    assert encoding.wrap(long)[0] == encoding.wrap_alone(long[1:])[0] == 0xC1
    assert encoding.wrap_alone(long) == WS_JSON.wrap_alone(long) == WS_JSON.wrap(long)


def test_encoding_of_a_binary_codec_makes_binary_frames():
    """The opcode follows the codec."""
    encoding = Compression(0, 1).encoding(WS_PROTOBUF, 12)

    assert unpacked(encoding.wrap(LONG)) == (0xC2, LONG)
    assert encoding.ping == WS_PROTOBUF.ping


def test_payload_below_the_minimum_travels_as_it_is():
    """Nothing is spent on what is short."""
    compression = Compression(len(LONG), 1)

    assert unpacked(compression.frame(OPCODE_TEXT, 12, LONG[:-1])) == (0x81, LONG[:-1])
    assert compression.bytes_before == 0
    assert unpacked(compression.frame(OPCODE_TEXT, 12, LONG)) == (0xC1, LONG)


def test_payload_that_would_not_get_shorter_travels_as_it_is():
    """Compression never makes a frame longer."""
    compression = Compression(0, 1)

    assert compression.frame(OPCODE_TEXT, 12, b"") == b"\x81\x00"
    assert unpacked(compression.frame(OPCODE_BINARY, 12, bytes(range(100)))) == (0x82, bytes(range(100)))
    assert (compression.bytes_before, compression.bytes_after) == (100, 100)


def test_compression_counts_what_it_builds():
    """Bytes before and after, for the metrics."""
    compression = Compression(0, 1)

    frame = compression.frame(OPCODE_TEXT, 12, LONG)

    assert (compression.bytes_before, compression.bytes_after) == (len(LONG), len(frame) - 2)


def test_decompress_checks_text():
    """UTF-8 is judged after decompression, and only of text."""
    assert decompress(OPCODE_TEXT, deflate("é".encode(), 1, 12), 100) == "é".encode()
    assert decompress(OPCODE_BINARY, deflate(b"\xff", 1, 12), 100) == b"\xff"
    with pytest.raises(ProtocolError) as caught:
        decompress(OPCODE_TEXT, deflate(b"\xff", 1, 12), 100)
    assert caught.value.slug == "invalid_utf8"
