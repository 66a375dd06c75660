"""Compressed messages: encodings that build them, once for all who agreed on the same, and the way back."""

from __future__ import annotations

from functools import partial
from typing import Final

from holdfast.errors import ProtocolError
from holdfast.protocol.deflate import deflate, inflate
from holdfast.protocol.frames import COMPRESSED, OPCODE_BINARY, OPCODE_TEXT, encode_frame
from holdfast.protocol.framing import Encoding

WINDOWS: Final = (12, 9)
"""Window bits the gateway compresses with, the larger first.

Few, because each that is in use costs a publication one compression more. A client's limit is rounded down, which
RFC 7692, 7.1.2.1 allows. A window of 4 KiB sets up several times as fast as one of 32 KiB and, with the repetitions
that JSON has, compresses about as well.
"""


class Compression:
    """How an instance compresses, what it has compressed, and the encodings that do it.

    Payloads below `min_size` bytes travel as they are, and so do those that would not get shorter.
    """

    __slots__ = ("_encodings", "_level", "_min_size", "agreed", "bytes_after", "bytes_before")

    def __init__(self, min_size: int, level: int) -> None:
        """Compress with zlib's `level`, 1 (fast) to 9 (small)."""
        self._min_size = min_size
        self._level = level
        self._encodings: dict[tuple[Encoding, int], Encoding] = {}
        # Plain numbers for the metrics: connections that agreed, and bytes of what is built, whoever gets it.
        self.agreed = 0
        self.bytes_before = 0
        self.bytes_after = 0

    def encoding(self, base: Encoding, window_bits: int) -> Encoding:
        """Return the one encoding that is `base`, an encoding of WebSocket frames, with compressed frames."""
        key = (base, window_bits)
        found = self._encodings.get(key)
        if found is None:
            opcode = OPCODE_BINARY if base.codec.binary else OPCODE_TEXT
            found = self._encodings[key] = Encoding(
                f"{base.name}+deflate{window_bits}",
                base.codec,
                partial(self.frame, opcode, window_bits),
                base.join,
                base.ping,
                uncompressed=base,
            )
        return found

    def frame(self, opcode: int, window_bits: int, payload: bytes) -> bytes:
        """Return a message as one frame, compressed where that is worth it."""
        size = len(payload)
        if size < self._min_size:
            return encode_frame(opcode, payload)
        packed = deflate(payload, self._level, window_bits)
        self.bytes_before += size
        if len(packed) >= size:
            self.bytes_after += size
            return encode_frame(opcode, payload)
        self.bytes_after += len(packed)
        return encode_frame(COMPRESSED | opcode, packed)


def decompress(opcode: int, data: bytes, limit: int) -> bytes:
    """Return the message behind a compressed one with this opcode, `COMPRESSED` taken off.

    Raises:
        ProtocolError: `message_too_big`, `frame_deflate_malformed`, `invalid_utf8`.
    """
    payload = inflate(data, limit)
    if opcode == OPCODE_TEXT and not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError:
            raise ProtocolError("invalid_utf8", "text message, after decompression") from None
    return payload
