"""DEFLATE by message: what is written, what is read, and what reading may cost at most."""

import os
import tracemalloc
import zlib

import pytest

from holdfast.errors import ProtocolError
from holdfast.protocol.deflate import compressed_limit, deflate, inflate

LIMIT = 65536
HELLO = bytes.fromhex("f248cdc9c90700")  # RFC 7692, 7.2.3.1
FINAL_HELLO = bytes.fromhex("f348cdc9c90700")  # 7.2.3.4, without the octet behind it
TEXT = b'{"push":{"channel":"news","pub":{"data":{"price":1}}}}' * 100


def final_blocks(*pieces: bytes) -> bytes:
    """Return each piece as a stream of its own, one behind the other."""
    return b"".join(zlib.compress(piece, wbits=-15) for piece in pieces)


def slug_of(data: bytes, limit: int = LIMIT) -> str:
    """Return the name of a refusal."""
    with pytest.raises(ProtocolError) as caught:
        inflate(data, limit)
    return caught.value.slug


@pytest.mark.parametrize("level", [1, 6, 9])
@pytest.mark.parametrize("window_bits", range(9, 16))
@pytest.mark.parametrize("payload", [b"", b"x", TEXT, bytes(range(256)) * 300])
def test_deflate_is_undone_with_a_window_of_that_size(payload, window_bits, level):
    """A peer whose window is no larger than agreed reads it, the tail of RFC 7692, 7.2.2 put back."""
    packed = deflate(payload, level, window_bits)
    reader = zlib.decompressobj(-window_bits)

    assert reader.decompress(packed + b"\0\0\xff\xff") == payload
    assert not reader.eof
    assert inflate(packed, len(payload)) == payload


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HELLO, b"Hello"),
        (bytes.fromhex("000500faff48656c6c6f00"), b"Hello"),  # 7.2.3.3, a block without compression
        (FINAL_HELLO + b"\0", b"Hello"),  # 7.2.3.4, a final block
        (FINAL_HELLO, b"Hello"),
        (bytes.fromhex("f248050000 00ffff cac9c90700".replace(" ", "")), b"Hello"),  # 7.2.3.5, two blocks
        (b"\0", b""),  # 7.2.3.6
        (HELLO + b"\0\0\xff\xff", b"Hello"),  # with its tail
        (bytes.fromhex("010400fbff0000ffff"), b"\0\0\xff\xff"),  # what looks like one
        (bytes.fromhex("010400fbff0000ffff00"), b"\0\0\xff\xff"),
        (b"", b""),
        (final_blocks(b"one", b"", b"two") + b"\0", b"onetwo"),
    ],
)
def test_inflate_reads_every_form_of_a_message(data, message):
    """The examples of RFC 7692, 7.2.3, final blocks in the middle, and nothing at all."""
    assert inflate(data, LIMIT) == message


def test_inflate_looks_back_over_a_final_block():
    """What follows a final block may repeat what came before it."""
    writer = zlib.compressobj(wbits=-15, zdict=TEXT[:1000])
    second = writer.compress(TEXT[:1000]) + writer.flush()

    assert inflate(final_blocks(TEXT[:1000]) + second, LIMIT) == TEXT[:1000] * 2


@pytest.mark.parametrize("data", [b"\xff", b"\x05", HELLO + b"garbage", FINAL_HELLO + b"garbage", b"\x00\x01"])
def test_inflate_names_what_is_no_deflate(data):
    """Wrong blocks and trailing bytes are one cause."""
    assert slug_of(data) == "frame_deflate_malformed"


def test_inflate_finds_every_truncation():
    """A message that ends before its last block does is not taken for a shorter one."""
    packed = deflate(TEXT[:300] + bytes(range(200)), 6, 12)

    for size in range(1, len(packed) - 1):
        assert slug_of(packed[:size]) == "frame_deflate_malformed"


def test_inflate_stops_at_the_limit():
    """Exactly the limit is a message, a byte more is none."""
    packed = deflate(b"x" * 1000, 1, 12)

    assert inflate(packed, 1000) == b"x" * 1000
    assert slug_of(packed, 999) == "message_too_big"


def test_inflate_of_a_bomb_costs_the_limit():
    """What a message would grow to is never in memory."""
    bomb = deflate(bytes(200 * 2**20), 9, 15)
    assert len(bomb) < 250_000
    tracemalloc.start()
    try:
        assert slug_of(bomb) == "message_too_big"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < len(bomb) + 6 * LIMIT


def test_inflate_counts_final_blocks():
    """Each costs a set-up, so there is an end to them."""
    assert inflate(final_blocks(*[b"x"] * 16), LIMIT) == b"x" * 16
    assert slug_of(final_blocks(*[b"x"] * 18)) == "frame_deflate_malformed"
    assert slug_of(b"\x03\x00" * 10_000) == "frame_deflate_malformed"


@pytest.mark.parametrize("size", [0, 1, 100, 65536])
def test_compressed_limit_leaves_room_for_the_worst_encoder(size):
    """A message as long as the limit passes also where compression made it longer."""
    noise = os.urandom(size)
    fixed = zlib.compressobj(1, zlib.DEFLATED, -15, 1, zlib.Z_FIXED)

    assert len(fixed.compress(noise) + fixed.flush(zlib.Z_SYNC_FLUSH)) <= compressed_limit(size)
    assert len(fixed.compress(b"") + deflate(b"\xff" * size, 1, 9)) <= compressed_limit(size)
