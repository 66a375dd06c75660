"""API keys: found in a request's headers, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from holdfast.errors import DoorError


class ApiKeys:
    """The configured keys; without any, every request is refused."""

    def __init__(self, keys: Iterable[str]) -> None:
        # Digests have one length, so that the comparison does not tell how long a key is.
        self._digests = tuple(_digest(key.encode()) for key in keys if key)

    def check(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Return if the request carries a configured key.

        Raises:
            DoorError: `api_key_missing` or `api_key_invalid`; neither says what came.
        """
        key = _find(headers)
        if not key:
            raise DoorError("api_key_missing")
        if not self._digests:
            raise DoorError("api_key_invalid", "No key is configured, so that none can be right.")
        digest = _digest(key)
        # All keys are compared, however soon one fits: the time says nothing about which.
        if not sum(hmac.compare_digest(digest, known) for known in self._digests):
            raise DoorError("api_key_invalid")


def _find(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the key of `X-API-Key`, else of `Authorization: apikey KEY`, else nothing."""
    authorization = b""
    for name, value in headers:
        if name == b"x-api-key" and value.strip():
            return value.strip()
        if name == b"authorization":
            authorization = value
    scheme, _, key = authorization.strip().partition(b" ")
    return key.strip() if scheme.lower() == b"apikey" else b""


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
