"""What may be told of a request's headers: values that hold no secret, of all others the name alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_SHOWN: Final = frozenset(
    {
        b"host",
        b"upgrade",
        b"connection",
        b"origin",
        b"user-agent",
        b"sec-websocket-version",
        b"sec-websocket-protocol",
        b"sec-websocket-extensions",
        b"forwarded",
        b"via",
        b"x-real-ip",
    }
)
_SHOWN_PREFIX: Final = b"x-forwarded-"
# A stranger decides how many there are and how long; each is remembered for every refused attempt.
_MOST: Final = 32
_LONGEST: Final = 200

HIDDEN: Final = "(not shown)"
"""Stands for the value of a header that may hold a secret."""


def headers_seen(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return a request's headers (names in lower case) as they may be shown; a repeated one is joined by commas."""
    seen: dict[str, str] = {}
    for raw, value in headers:
        name = raw[:_LONGEST].decode("latin-1")
        if name not in seen and len(seen) >= _MOST:
            continue
        if raw in _SHOWN or raw.startswith(_SHOWN_PREFIX):
            text = value[:_LONGEST].decode("latin-1")
            seen[name] = f"{seen[name]}, {text}"[:_LONGEST] if name in seen else text
        else:
            seen[name] = HIDDEN
    return seen
