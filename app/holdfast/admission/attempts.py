"""How an attempt to connect is named: by its client, in `?cid=`, or else by us."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from typing import Any, Final

ATTEMPT: Final = "holdfast.attempt"
"""Key of the ASGI scope: the id of the attempt that the request is, once somebody has asked for it."""

_NAME: Final = b"cid"
_CHOSEN: Final = re.compile(rb"[0-9a-fA-F]{32}")


def attempt_id(query: bytes) -> str:
    """Return the id that the client chose in the query, 128 bits as hexadecimal digits; one of ours without it.

    Whatever else stands there is ignored: a page must not fail to connect for the sake of its own diagnosis.
    """
    if _NAME in query:  # most have none
        for pair in query.split(b"&"):
            name, _, value = pair.partition(b"=")
            if name == _NAME and _CHOSEN.fullmatch(value):
                return value.decode()
    return os.urandom(16).hex()


def attempt_of(scope: MutableMapping[str, Any]) -> str:
    """Return the id of the attempt that a request is, the same one each time; answers to it carry the id from now."""
    if ATTEMPT not in scope:
        scope[ATTEMPT] = attempt_id(scope.get("query_string", b""))
    found: str = scope[ATTEMPT]
    return found
