"""Offers of extensions, and what is agreed on."""

import time

import pytest

from holdfast.errors import DoorError
from holdfast.transports.extensions import agree, offered_extensions

ANSWER = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def offers(*values: bytes):
    """Return the offers of so many headers."""
    return offered_extensions([(b"host", b"x"), *((b"sec-websocket-extensions", value) for value in values)])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), []),
        ((b"",), []),
        ((b"foo",), [("foo", [])]),
        ((b"foo, bar; baz=2",), [("foo", []), ("bar", [("baz", "2")])]),
        ((b"foo", b" , bar ,\t"), [("foo", []), ("bar", [])]),
        ((b'foo ; a = "1" ;b; c="\\x\\"'[:-2] + b'"',), [("foo", [("a", "1"), ("b", None), ("c", "x")])]),
    ],
)
def test_offers_of_every_form(values, expected):
    """Lists, several headers, empty elements, blanks, quoted values with escapes."""
    assert offers(*values) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"foo bar",
        b"foo;",
        b"foo; ; a",
        b"; a",
        b"foo; a=",
        b"foo; a==1",
        b'foo; a="1',
        b'foo; a=""',
        b'foo; a="b c"',
        b'foo; a="1"2',
        b"foo; a=1 2",
        b"f\xf6\xf6",
        b"foo; a=(1)",
        b"=",
    ],
)
def test_offers_that_are_malformed_are_refused(value):
    """RFC 6455, 9.1 lets the connection fail, and the error says where it went wrong."""
    with pytest.raises(DoorError) as caught:
        offers(b"good", value)

    assert caught.value.slug == "bad_handshake"
    assert "at character" in caught.value.detail


@pytest.mark.parametrize("value", [b'a; b="' + b"\\" * 65000, b"a;b" * 20000, b" " * 65000 + b"(", b"," * 65000])
def test_offers_cost_what_they_are_long(value):
    """No header makes the parser go over it again and again."""
    started = time.process_time()
    try:
        offers(value)
    except DoorError:
        pass

    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("value", "window_bits", "answer"),
    [
        (b"permessage-deflate", 12, ANSWER),
        (b"permessage-deflate; client_max_window_bits", 12, ANSWER),  # browsers
        (b"permessage-deflate; client_max_window_bits=8", 12, ANSWER),
        (b"permessage-deflate; server_no_context_takeover; client_no_context_takeover", 12, ANSWER),
        (b"permessage-deflate; server_max_window_bits=15", 12, ANSWER + b"; server_max_window_bits=12"),
        (b'permessage-deflate; server_max_window_bits="12"', 12, ANSWER + b"; server_max_window_bits=12"),
        (b"permessage-deflate; server_max_window_bits=11", 9, ANSWER + b"; server_max_window_bits=9"),
        (b"permessage-deflate; server_max_window_bits=9", 9, ANSWER + b"; server_max_window_bits=9"),
        (b"foo; bar, permessage-deflate", 12, ANSWER),
        (b"permessage-deflate; new, permessage-deflate", 12, ANSWER),
        (b"permessage-deflate; server_max_window_bits=8, permessage-deflate", 12, ANSWER),
    ],
)
def test_agree_takes_the_first_offer_that_it_can(value, window_bits, answer):
    """Context takeover is always declined, a limit of the window is kept to, and offers in reserve are looked at."""
    assert agree(offers(value)) == (window_bits, answer)


@pytest.mark.parametrize(
    "parameters",
    [
        b"server_max_window_bits",
        b"server_max_window_bits=8",
        b"server_max_window_bits=7",
        b"server_max_window_bits=16",
        b"server_max_window_bits=010",
        b"server_max_window_bits=ten",
        b"client_max_window_bits=7",
        b"client_max_window_bits=+9",
        b"server_no_context_takeover=1",
        b"client_no_context_takeover=true",
        b"client_no_context_takeover; client_no_context_takeover",
        b"client_max_window_bits; client_max_window_bits=10",
        b"mux",
        b"Server_No_Context_Takeover",
    ],
)
def test_agree_declines_what_rfc_7692_does_not_know(parameters):
    """Unknown, double, missing and impossible parameters decline the offer; the connection goes on without."""
    assert agree(offers(b"permessage-deflate; " + parameters)) is None


def test_agree_on_nothing():
    """Other extensions are not ours."""
    assert agree(offers(b"x-webkit-deflate-frame")) is None
    assert agree([]) is None
