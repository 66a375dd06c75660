"""The opening handshake of RFC 6455, section 4.2: judge the request, compute the answer. No I/O."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from hashlib import sha1

from holdfast.errors import DoorError

Headers = list[tuple[bytes, bytes]]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: %s\r\n"
)


def opening_key(method: str, http_version: str, headers: Headers) -> bytes:
    """Return the key of a valid request to open a WebSocket; header names are in lower case.

    That `Upgrade` and `Connection` ask for it is known to the caller.

    Raises:
        DoorError: `method_not_allowed`, `upgrade_required` for another version of the protocol, `bad_handshake`.
    """
    if method != "GET":
        raise DoorError("method_not_allowed", f"Expected GET, got {method[:20]}.")
    if http_version != "1.1":
        raise DoorError("bad_handshake", f"Expected HTTP/1.1, got HTTP/{http_version[:10]}.")
    keys: list[bytes] = []
    versions: list[bytes] = []
    has_host = False
    for name, value in headers:
        if name == b"sec-websocket-key":
            keys.append(value.strip())
        elif name == b"sec-websocket-version":
            versions.append(value.strip())
        elif name == b"host":
            has_host = True
    if not has_host:
        raise DoorError("bad_handshake", "Expected a Host header.")
    if versions != [b"13"]:
        raise DoorError("upgrade_required", "Expected one Sec-WebSocket-Version header with 13.")
    if len(keys) != 1 or not _is_key(keys[0]):
        raise DoorError("bad_handshake", "Expected one Sec-WebSocket-Key header with 16 bytes in base64.")
    return keys[0]


def accept_response(key: bytes, headers: Headers) -> bytes:
    """Return the 101 answer to `key`, with further headers (Sec-WebSocket-Protocol and the application's)."""
    # SHA-1 is what RFC 6455 asks for; it proves that the server understood, and protects nothing.
    digest = b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
    return b"".join((_ACCEPTED % digest, *(b"%s: %s\r\n" % header for header in headers), b"\r\n"))


def offered_subprotocols(headers: Headers) -> list[str]:
    """Return the subprotocols that the client offers, its favourite first."""
    offers = b",".join(value for name, value in headers if name == b"sec-websocket-protocol").decode("latin-1")
    return [offer.strip() for offer in offers.split(",") if offer.strip()]


def _is_key(value: bytes) -> bool:
    if len(value) != 24:
        return False
    try:
        return len(b64decode(value, validate=True)) == 16
    except Base64Error:
        return False
