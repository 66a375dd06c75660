"""Peers of sockets."""

import httptools
import pytest

from holdfast.server.peers import address_of, why_no_http
from tests.sockets import FakeTransport


@pytest.mark.parametrize(
    ("known", "expected"), [(("::1", 8000, 0, 0), ("::1", 8000)), ("/run/holdfast.sock", None), (None, None)]
)
def test_address_is_host_and_port_or_none(monkeypatch, known, expected):
    """Sockets of IP have an address; others, and those that are gone, have none."""
    transport = FakeTransport()
    monkeypatch.setattr(transport, "get_extra_info", {"peername": known}.get)

    assert address_of(transport, "peername") == expected


@pytest.mark.parametrize(
    ("piece", "expected"), [(b"\x16\x03\x01\x00", "A TLS handshake came to a port without TLS."), (b"secret", "Why.")]
)
def test_bytes_that_are_no_http_are_told_apart(piece, expected):
    """A TLS handshake is named; of other bytes the parser's reason is told, and nothing of them."""
    assert why_no_http(piece, httptools.HttpParserError("Why")) == expected
