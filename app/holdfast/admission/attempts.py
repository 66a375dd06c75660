"""How an attempt to connect is named: by its client, in `?cid=`, or else by us."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from typing import Any, Final

ATTEMPT: Final = "holdfast.attempt"
"""Key of the ASGI scope: the id of the attempt that the request is, once somebody has asked for it."""

_NAME: Final = b"cid"
_ID_BYTES: Final = 16
_POOL_BYTES: Final = 4096
_CHOSEN: Final = re.compile(rb"[0-9a-fA-F]{32}")


class _Source:
    """Random ids, asked of the system some hundred at a time: a system call for each is what a refusal costs most."""

    def __init__(self) -> None:
        self._pool = b""
        self._used = 0

    def take(self) -> bytes:
        """Return 128 bits that nobody can guess."""
        if self._used >= len(self._pool):
            self._pool, self._used = os.urandom(_POOL_BYTES), 0
        self._used += _ID_BYTES
        return self._pool[self._used - _ID_BYTES : self._used]


_SOURCE: Final = _Source()


def attempt_id(query: bytes) -> str:
    """Return the id that the client chose in the query, 128 bits as hexadecimal digits; one of ours without it.

    Whatever else stands there is ignored: a page must not fail to connect for the sake of its own diagnosis.
    """
    if _NAME in query:  # most have none
        for pair in query.split(b"&"):
            name, _, value = pair.partition(b"=")
            if name == _NAME and _CHOSEN.fullmatch(value):
                return value.decode().lower()
    return _SOURCE.take().hex()


def attempt_of(scope: MutableMapping[str, Any]) -> str:
    """Return the id of the attempt that a request is, the same one each time; answers to it carry the id from now."""
    if ATTEMPT not in scope:
        scope[ATTEMPT] = attempt_id(scope.get("query_string", b""))
    found: str = scope[ATTEMPT]
    return found
