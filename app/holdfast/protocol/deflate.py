"""DEFLATE as permessage-deflate uses it (RFC 7692, 7.2), each message by itself: no state outlives a call."""

from __future__ import annotations

import zlib
from typing import Final

from holdfast.errors import ProtocolError

# The empty stored block that ends every message and does not travel (RFC 7692, 7.2.1), but for its first bits.
_TAIL: Final = b"\x00\x00\xff\xff"
# A final empty stored block. Behind a whole message zlib gets to it and says so; behind a broken one it does not.
_END: Final = b"\x01\x00\x00\xff\xff"
_LONGEST_WINDOW: Final = 15
# Of zlib's 1 to 9: small tables are quick to set up, and messages are short.
_MEMORY_LEVEL: Final = 5
# Input is taken in pieces, because zlib copies what is left of a piece behind each final block.
_PIECE_BYTES: Final = 65536
# Final blocks in one message (RFC 7692, 7.2.3.4). Each costs a set-up, so many of them would be a cheap way to waste
# our time; who uses them at all needs one for each of its flushes.
_MAX_FINAL_BLOCKS: Final = 16


def deflate(payload: bytes, level: int, window_bits: int) -> bytes:
    """Return the payload of a compressed message; `window_bits` is 9 to 15, for zlib has no window of 8."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -window_bits, _MEMORY_LEVEL)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[: -len(_TAIL)]


def compressed_limit(limit: int) -> int:
    """Return how many bytes a message of `limit` bytes may have while compressed.

    Fixed Huffman codes have at most 9 bits (RFC 1951, 3.2.6), so no encoder need make more than this of any input.
    """
    return limit + limit // 8 + 64


def inflate(data: bytes, limit: int) -> bytes:
    """Return the message that a client compressed.

    What it costs is bounded by the length of `data` and by `limit`, whatever `data` would grow to. What others take,
    too, is taken: nothing at all as an empty message, one that still has its tail, and one whose last block is final
    without the octet that RFC 7692, 7.2.3.4 wants behind it.

    Raises:
        ProtocolError: `message_too_big` for more than `limit` bytes, `frame_deflate_malformed`.
    """
    if not data:
        return b""
    stream = data + (b"" if data.endswith(_TAIL) else _TAIL) + _END
    message = bytearray()
    position = final_blocks = 0
    inflater = zlib.decompressobj(-_LONGEST_WINDOW)
    while position < len(stream):
        piece = stream[position : position + _PIECE_BYTES]
        message += _step(inflater, piece, limit + 1 - len(message))
        if len(message) > limit:
            raise ProtocolError("message_too_big", f"expected at most {limit} bytes after decompression")
        position += len(piece) - len(inflater.unused_data)
        if not inflater.eof:
            continue
        if position in (len(data), len(stream)):
            return bytes(message)
        final_blocks += 1
        if position > len(data) or final_blocks > _MAX_FINAL_BLOCKS:
            break
        # What follows a final block may still refer to what came before it.
        inflater = zlib.decompressobj(-_LONGEST_WINDOW, zdict=bytes(message[-(1 << _LONGEST_WINDOW) :]))
    raise ProtocolError("frame_deflate_malformed", "expected whole DEFLATE blocks (RFC 7692, 7.2.1)")


def _step(inflater: zlib._Decompress, piece: bytes, most: int) -> bytes:
    try:
        return inflater.decompress(piece, most)
    except zlib.error as error:
        raise ProtocolError("frame_deflate_malformed", f"expected DEFLATE blocks; {error}") from None
