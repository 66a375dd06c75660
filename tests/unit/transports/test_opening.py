"""The opening handshake of RFC 6455."""

import pytest

from holdfast.errors import DoorError
from holdfast.transports.opening import accept_response, offered_subprotocols, opening_key
from tests.sockets import ACCEPT, KEY

GOOD = [(b"host", b"gateway.test"), (b"sec-websocket-version", b"13"), (b"sec-websocket-key", KEY)]


def without(name):
    """Return the good headers without one."""
    return [header for header in GOOD if header[0] != name]


def test_opening_key_of_a_good_request():
    """A complete request gives its key."""
    assert opening_key("GET", "1.1", GOOD) == KEY


@pytest.mark.parametrize(
    ("method", "version", "headers", "slug"),
    [
        ("POST", "1.1", GOOD, "method_not_allowed"),
        ("GET", "1.0", GOOD, "bad_handshake"),
        ("GET", "1.1", without(b"host"), "bad_handshake"),
        ("GET", "1.1", without(b"sec-websocket-version"), "upgrade_required"),
        ("GET", "1.1", [*without(b"sec-websocket-version"), (b"sec-websocket-version", b"8")], "upgrade_required"),
        ("GET", "1.1", [*GOOD, (b"sec-websocket-version", b"8")], "upgrade_required"),
        ("GET", "1.1", without(b"sec-websocket-key"), "bad_handshake"),
        ("GET", "1.1", [*GOOD, (b"sec-websocket-key", KEY)], "bad_handshake"),
        ("GET", "1.1", [*without(b"sec-websocket-key"), (b"sec-websocket-key", b"short")], "bad_handshake"),
        ("GET", "1.1", [*without(b"sec-websocket-key"), (b"sec-websocket-key", b"!" * 24)], "bad_handshake"),
        ("GET", "1.1", [*without(b"sec-websocket-key"), (b"sec-websocket-key", b"QUJD" * 6)], "bad_handshake"),
    ],
)
def test_opening_key_refuses(method, version, headers, slug):
    """What is missing or wrong has its name."""
    with pytest.raises(DoorError) as caught:
        opening_key(method, version, headers)

    assert caught.value.slug == slug


def test_accept_response_proves_that_the_key_was_read():
    """The answer holds the value of RFC 6455, 1.3 and the further headers."""
    response = accept_response(KEY, [(b"sec-websocket-protocol", b"chat")])

    assert response.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"\r\nsec-websocket-accept: " + ACCEPT + b"\r\n" in response
    assert response.endswith(b"sec-websocket-protocol: chat\r\n\r\n")


def test_offered_subprotocols_come_in_the_clients_order():
    """Several headers and lists are one list; blanks are no offer."""
    headers = [(b"sec-websocket-protocol", b"a, b"), (b"host", b"x"), (b"sec-websocket-protocol", b" ,c")]

    assert offered_subprotocols(headers) == ["a", "b", "c"]
    assert offered_subprotocols([]) == []
