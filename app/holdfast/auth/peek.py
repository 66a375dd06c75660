"""Reads what a token says without believing it: for log lines of refusals and for reports. Never raises.

Only claims that are no secret, cut to a length, and never a part of the token as it was sent.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from holdfast.auth.jwt import decode_segment, header_fields, split_token
from holdfast.errors import TokenError

SHOWN_CLAIMS = ("sub", "exp", "iat", "nbf", "iss", "aud", "jti", "channel", "expire_at")
_LONGEST_TEXT = 128
_MOST_ITEMS = 8


class Peeked(NamedTuple):
    """Unverified contents; empty where they cannot be read."""

    header: dict[str, object]
    claims: dict[str, object]

    def text(self, name: str) -> str:
        """Return a field of the header if it is a text, cut to a length."""
        value = self.header.get(name)
        return str(bounded(value)) if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """Return a claim if it is a number."""
        value = self.claims.get(name)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def shown(self) -> dict[str, object]:
        """Return the claims that may be shown, each bounded."""
        return {name: bounded(self.claims[name]) for name in SHOWN_CLAIMS if name in self.claims}


def peek(token: str, max_bytes: int) -> Peeked:
    """Read header and payload as far as they can be read."""
    try:
        parts = split_token(token, max_bytes)
    except TokenError:
        return Peeked({}, {})
    try:
        header = header_fields(parts.header)
    except TokenError:
        header = {}
    return Peeked(header, _claims(parts.payload))


def bounded(value: object) -> object:
    """Return a value of JSON cut to what a log line can bear."""
    if isinstance(value, str):
        # Half a surrogate pair, which JSON can name, could be neither printed nor sent on.
        return value[:_LONGEST_TEXT].encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [bounded(item) if isinstance(item, str) else type(item).__name__ for item in value[:_MOST_ITEMS]]
    if value is None or (isinstance(value, int | float) and abs(value) < 2**63):
        return value
    return type(value).__name__


def _claims(segment: bytes) -> dict[str, object]:
    try:
        return msgspec.json.decode(decode_segment(segment, "payload"), type=dict[str, object])
    except (TokenError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
