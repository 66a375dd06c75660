"""RFC 6455 frames without I/O: a parser of what clients send, and encoders of what the server sends.

The parser checks everything that can be checked without knowing what a message means: bits,
opcodes, masks, lengths, fragmentation, close payloads, UTF-8 and the message limit. A reserved bit
is a violation, but for the one that marks a compressed message where that was agreed on.
"""

from collections.abc import Callable, Iterator
from struct import Struct
from typing import Final, NoReturn

from holdfast.errors import ProtocolError
from holdfast.protocol.deflate import compressed_limit
from holdfast.protocol.utf8 import continue_utf8

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - only where websockets was installed without its C extension
    from websockets.utils import apply_mask

OPCODE_CONTINUATION: Final = 0x0
OPCODE_TEXT: Final = 0x1
OPCODE_BINARY: Final = 0x2
OPCODE_CLOSE: Final = 0x8
OPCODE_PING: Final = 0x9
OPCODE_PONG: Final = 0xA

COMPRESSED: Final = 0x40  # RSV1, on the first frame of a compressed message (RFC 7692, 6)

NO_STATUS: Final = 1005  # stands for a close frame without a code; never sent (RFC 6455, 7.4.1)

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_RESERVED: Final = 0x70
_CONTROL: Final = 0x8  # the bit that tells control opcodes from data opcodes
_LONGEST_HEADER: Final = 14
_KNOWN_OPCODES: Final = frozenset(
    {OPCODE_CONTINUATION, OPCODE_TEXT, OPCODE_BINARY, OPCODE_CLOSE, OPCODE_PING, OPCODE_PONG}
)
_COMPRESSED_OPCODES: Final = frozenset({COMPRESSED | OPCODE_TEXT, COMPRESSED | OPCODE_BINARY})
_CONTROL_LIMIT: Final = 125
_CLOSE_CODE: Final = Struct("!H")
_SHORT_HEADER: Final = Struct("!BBH")
_LONG_HEADER: Final = Struct("!BBQ")
# RFC 6455, 7.4 and the IANA registry of close codes: what a peer may send below 3000.
_REGISTERED_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015)})


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """Return one final, unmasked frame; the opcode may have `COMPRESSED` added."""
    size = len(payload)
    first = _FINAL | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65536:
        return _SHORT_HEADER.pack(first, 126, size) + payload
    return _LONG_HEADER.pack(first, 127, size) + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """Return a close frame; the reason is cut between characters to fit into 123 bytes.

    With `NO_STATUS` the frame has no payload, as the answer to a close frame without one.
    """
    if code == NO_STATUS:
        return encode_frame(OPCODE_CLOSE, b"")
    text = reason.encode()[: _CONTROL_LIMIT - 2].decode(errors="ignore").encode()
    return encode_frame(OPCODE_CLOSE, _CLOSE_CODE.pack(code) + text)


def parse_close(payload: bytes) -> tuple[int, str]:
    """Return code and reason of a close frame's payload; `NO_STATUS` for an empty one.

    Raises:
        ProtocolError: `frame_close_malformed` for one byte or a forbidden code, `invalid_utf8`
            for the reason.
    """
    if not payload:
        return NO_STATUS, ""
    if len(payload) == 1:
        raise ProtocolError("frame_close_malformed", "expected no payload or 2 bytes and more, got 1")
    (code,) = _CLOSE_CODE.unpack_from(payload)
    if code not in _REGISTERED_CODES and not 3000 <= code <= 4999:
        raise ProtocolError("frame_close_malformed", f"expected a close code a peer may send, got {code}")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError as error:
        raise ProtocolError("invalid_utf8", f"close reason, byte {error.start}") from None


def _single_frame(opcode: int) -> Callable[[memoryview, int, int], bytes | None]:
    """Make a function that returns the payload if the first `size` bytes are exactly one valid short frame.

    The way of nearly every client message, without a parser and its state. None means: let the
    parser look, also at anything that is wrong.
    """
    first, is_text = _FINAL | opcode, opcode == OPCODE_TEXT

    def single_frame(buffer: memoryview, size: int, limit: int) -> bytes | None:
        # Cut from bytes: a slice of a memoryview costs three times as much.
        data = bytes(buffer[:size])
        if size < 6 or data[0] != first:
            return None
        length = data[1] - _MASKED
        start = 6
        if length >= 126:
            if length == 127 or size < 8:
                return None
            length = data[2] << 8 | data[3]
            start = 8
            if length < 126:
                return None
        if start + length != size or length > limit:
            return None
        payload = apply_mask(data[start:], data[start - 4 : start])
        if is_text and not payload.isascii():
            try:
                payload.decode()
            except UnicodeDecodeError:
                return None
        return payload

    return single_frame


single_text_frame = _single_frame(OPCODE_TEXT)
single_binary_frame = _single_frame(OPCODE_BINARY)


class FrameParser:
    """Turns the bytes of one client into whole messages and control frames.

    `feed` yields `(opcode, payload)`: OPCODE_TEXT and OPCODE_BINARY with whole messages (fragments joined),
    PING and PONG, and OPCODE_CLOSE with its checked payload, after which all input is ignored. How the
    bytes are cut into pieces never changes what comes out. A begun message holds what arrived of
    it and never more than `max_message_bytes`; whether it would is judged from the header.

    A compressed message comes out as it came in, with `COMPRESSED` in its opcode: what it would grow to is
    nobody's concern before somebody wants it (`protocol.compression.decompress`).
    """

    __slots__ = (
        "_done",
        "_frame_opcode",
        "_header",
        "_is_final",
        "_limit",
        "_mask",
        "_may_compress",
        "_message_opcode",
        "_partial_control",
        "_partial_message",
        "_remaining",
        "_utf8_tail",
    )

    def __init__(self, max_message_bytes: int, may_compress: bool = False) -> None:
        """Start before the first byte of a frame; compressed messages are taken only if the client `may_compress`."""
        self._limit = max_message_bytes
        self._may_compress = may_compress
        self._done = False
        self._header = b""  # an incomplete header
        # The frame being read; no frame is when the mask is empty.
        self._mask = b""
        self._frame_opcode = OPCODE_CONTINUATION
        self._is_final = False
        self._remaining = 0
        self._partial_control = b""
        # The message being read; none is when its opcode is OPCODE_CONTINUATION.
        self._message_opcode = OPCODE_CONTINUATION
        self._partial_message = bytearray()
        self._utf8_tail = b""

    @property
    def is_idle(self) -> bool:
        """Whether no byte is remembered, so that a fresh parser would go on the same way."""
        return not (self._header or self._mask or self._message_opcode or self._done)

    def feed(self, data: bytes | memoryview) -> Iterator[tuple[int, bytes]]:
        """Yield what `data` completes, in order.

        Raises:
            ProtocolError: the client broke RFC 6455 or the limit; all input after it is ignored.
        """
        view = memoryview(data)
        position = 0
        while not self._done:
            if not self._mask:
                position = self._read_header(view, position)
                if not self._mask:
                    return
            piece = view[position : position + self._remaining]
            position += len(piece)
            event = self._read_payload(piece)
            if event is not None:
                yield event
            if self._remaining:
                return

    # Private methods

    def _read_header(self, view: memoryview, position: int) -> int:
        """Begin a frame if its header is complete, else remember the start of it."""
        known = len(self._header)
        header = self._header + bytes(view[position : position + _LONGEST_HEADER - known])
        needed = self._check_header(header) if len(header) >= 2 else 2
        if len(header) < max(needed, 6):
            self._header = header
            return position + len(header) - known
        self._header = b""
        self._begin_frame(header[:needed])
        return position + needed - known

    def _check_header(self, header: bytes) -> int:
        """Judge the first two bytes of a frame and return the length of its whole header."""
        first, second = header[0], header[1]
        opcode, length = first & 0x0F, second & 0x7F
        if first & _RESERVED and not (self._may_compress and first & ~_FINAL in _COMPRESSED_OPCODES):
            self._fail("frame_reserved_bits", f"expected none of {_RESERVED:#x}, got {first:#x}")
        if opcode not in _KNOWN_OPCODES:
            self._fail("frame_reserved_opcode", f"expected 0-2 or 8-10, got {opcode}")
        if not second & _MASKED:
            self._fail("frame_unmasked", "expected the mask bit in a client's frame")
        if opcode & _CONTROL:
            if not first & _FINAL:
                self._fail("frame_control_fragmented", f"opcode {opcode} without FIN")
            if length > _CONTROL_LIMIT:
                self._fail("frame_control_too_long", "expected at most 125 bytes")
        elif opcode == OPCODE_CONTINUATION and not self._message_opcode:
            self._fail("frame_continuation_unexpected", "no message to continue")
        elif opcode != OPCODE_CONTINUATION and self._message_opcode:
            self._fail("frame_continuation_expected", f"got opcode {opcode} inside a message")
        return 6 if length < 126 else 8 if length == 126 else _LONGEST_HEADER

    def _begin_frame(self, header: bytes) -> None:
        opcode = header[0] & 0x0F
        length = self._parse_length(header)
        if not opcode & _CONTROL:
            if opcode:
                self._message_opcode = header[0] & ~_FINAL
            total = len(self._partial_message) + length
            if total > self._limit:
                self._check_size(total)
        self._frame_opcode = opcode
        self._is_final = bool(header[0] & _FINAL)
        self._mask = header[-4:]
        self._remaining = length

    def _check_size(self, total: int) -> None:
        """Refuse a message that is longer than the limit, unless it is so because it was compressed badly."""
        limit = compressed_limit(self._limit) if self._message_opcode & COMPRESSED else self._limit
        if total > limit:
            self._fail("message_too_big", f"expected at most {limit} bytes, got {total}")

    def _parse_length(self, header: bytes) -> int:
        short = header[1] & 0x7F
        if short < 126:
            return short
        length = int.from_bytes(header[2:-4])
        # RFC 6455, 5.2: the most significant bit is 0 and the shortest form must be used.
        if length >> 63 or length < (126 if short == 126 else 65536):
            self._fail("frame_length", f"{length} in {len(header) - 6} bytes")
        return length

    def _read_payload(self, piece: memoryview) -> tuple[int, bytes] | None:
        """Unmask a piece of the frame and return the event that it completes."""
        payload = apply_mask(piece, self._mask)
        self._remaining -= len(payload)
        is_whole = not self._remaining
        if is_whole:
            self._mask = b""
        else:
            turn = len(payload) % 4
            self._mask = self._mask[turn:] + self._mask[:turn]
        if self._frame_opcode & _CONTROL:
            return self._continue_control(payload, is_whole)
        return self._continue_message(payload, is_whole and self._is_final)

    def _continue_control(self, payload: bytes, is_whole: bool) -> tuple[int, bytes] | None:
        payload = self._partial_control + payload
        self._partial_control = b"" if is_whole else payload
        if not is_whole:
            return None
        if self._frame_opcode == OPCODE_CLOSE:
            self._done = True
            parse_close(payload)
        return self._frame_opcode, payload

    def _continue_message(self, payload: bytes, is_whole: bool) -> tuple[int, bytes] | None:
        opcode = self._message_opcode
        if opcode == OPCODE_TEXT:
            try:
                self._utf8_tail = continue_utf8(self._utf8_tail, payload, is_whole)
            except UnicodeDecodeError:
                self._fail("invalid_utf8", "text message")
        if self._partial_message or not is_whole:
            self._partial_message += payload
        if not is_whole:
            return None
        if self._partial_message:
            payload = bytes(self._partial_message)
            self._partial_message = bytearray()
        self._message_opcode = OPCODE_CONTINUATION
        return opcode, payload

    def _fail(self, slug: str, detail: str) -> NoReturn:
        self._done = True
        self._partial_message = bytearray()
        raise ProtocolError(slug, detail)
