"""What a socket tells of who is at its other end, and what those bytes were if they are no HTTP."""

from __future__ import annotations

import asyncio

import httptools

# A record of the kind "handshake" and the major version of every TLS (RFC 8446, 5.1).
_TLS_HANDSHAKE = b"\x16\x03"


def address_of(transport: asyncio.BaseTransport, name: str) -> tuple[str, int] | None:
    """Return the address that the transport has under `name` (`sockname`, `peername`), None if it is no IP's."""
    address = transport.get_extra_info(name)
    return (str(address[0]), int(address[1])) if isinstance(address, tuple) else None


def why_no_http(piece: bytes, error: httptools.HttpParserError) -> str:
    """Return what to say of bytes that the parser will not have."""
    if piece.startswith(_TLS_HANDSHAKE):
        return "A TLS handshake came to a port without TLS."
    return f"{error}."  # the parser's own words; nothing of the bytes is in them
