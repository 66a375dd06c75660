"""UTF-8 checks that fail at the first wrong byte, in however many pieces a text arrives (RFC 6455, 8.1)."""

from codecs import utf_8_decode


def continue_utf8(tail: bytes, piece: bytes, final: bool) -> bytes:
    """Check `piece` after `tail` and return the new tail: the begun character at the end, at most 3 bytes.

    CPython's decoder judges a begun character by the bytes it has, so an impossible second byte
    fails before the third one comes; but it lets the first two bytes of a surrogate wait, for the
    sake of its `surrogatepass` handler.

    Raises:
        UnicodeDecodeError: a byte is wrong, or `final` and the last character is incomplete.
    """
    data = tail + piece
    if data.isascii():
        return b""
    _, consumed = utf_8_decode(data, "strict", final)
    rest = data[consumed:]
    if len(rest) == 2 and rest[0] == 0xED and rest[1] >= 0xA0:
        raise UnicodeDecodeError("utf-8", data, consumed + 1, consumed + 2, "surrogates are no characters")
    return rest
