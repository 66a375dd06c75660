"""Which numbers and texts an application may give to clients: callers of the server API, and the user's backend."""

from __future__ import annotations

import json

from holdfast.codes import CODES, is_reserved

APPLICATION_CODES = range(4000, 5000)
APPLICATION_ERRORS = range(1, 2**32)
# What Centrifugo and we close sessions with ourselves; below 3000 are the WebSocket protocol's own codes.
_OUR_CLOSES = {code.number for code in CODES.values() if code.kind == "close" and 3000 <= code.number < 4000}
_MAX_REASON_BYTES = 123  # RFC 6455, 5.5: a control frame has 125 bytes, of which the code takes two


def close_fault(code: int, reason: str) -> str | None:
    """Say what is wrong with a close that an application orders; None if a client may be told so."""
    if is_reserved(code) or (code not in APPLICATION_CODES and code not in _OUR_CLOSES):
        ours = "4100-4199 and 4600-4699 are the gateway's own"
        return f"Expected `disconnect.code` in 4000-4999 ({ours}), came {code}."
    size = len(reason.encode())
    if size > _MAX_REASON_BYTES:
        return f"Expected `disconnect.reason` of at most {_MAX_REASON_BYTES} bytes, came {size}."
    if reason and _is_json(reason):
        # The JavaScript SDK takes a JSON reason for advice of the server, and may stop for ever because of it.
        return "Expected `disconnect.reason` as plain text, came JSON."
    return None


def error_fault(code: int) -> str | None:
    """Say what is wrong with the number of an error that an application answers; None if a client may be told so."""
    if is_reserved(code) or code not in APPLICATION_ERRORS:
        return f"Expected `error.code` in 400-1899 (1900-1999 are the gateway's own), came {code}."
    return None


def _is_json(text: str) -> bool:
    try:
        # Not msgspec, which refuses numbers and escapes that a browser's JSON.parse takes.
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
