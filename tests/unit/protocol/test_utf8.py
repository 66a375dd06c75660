"""UTF-8 in pieces."""

import pytest

from holdfast.protocol.utf8 import continue_utf8


@pytest.mark.parametrize("text", ["", "plain", "é", "€ and 𐍈", "\U0010ffff"])
def test_utf8_is_accepted_however_it_is_cut(text):
    """Byte by byte a valid text passes, and no tail is left."""
    tail = b""
    data = text.encode()

    for index in range(len(data)):
        tail = continue_utf8(tail, data[index : index + 1], False)

    assert continue_utf8(tail, b"", True) == b""


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b"ok", b"\x80"),  # a continuation that continues nothing
        (b"", b"\xc0"),  # an overlong form can begin no character
        (b"\xe0", b"\x80"),  # overlong
        (b"\xed", b"\xa0"),  # a surrogate
        (b"\xf0", b"\x80"),  # overlong
        (b"\xf4", b"\x90"),  # above U+10FFFF
        (b"", b"\xf5"),
        (b"\xe2\x82", b"x"),
    ],
)
def test_utf8_fails_at_the_first_wrong_byte(good, bad):
    """The bytes before pass, the wrong one fails although more might come."""
    tail = continue_utf8(b"", good, False)

    with pytest.raises(UnicodeDecodeError):
        continue_utf8(tail, bad, False)


def test_utf8_fails_at_the_end_in_a_character():
    """A begun character is fine until the text ends."""
    tail = continue_utf8(b"", b"\xe2\x82", False)

    assert tail == b"\xe2\x82"
    with pytest.raises(UnicodeDecodeError):
        continue_utf8(tail, b"", True)
