"""One-time tokens with which a browser may hand in log lines, each for one attempt.

A token says itself what it is for, so that an instance that knows the secret of another one takes what that gave. Only
used ones are remembered, by the instance that took them, and only so many.
"""

from __future__ import annotations

import hmac
import os
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

REMEMBERED: Final = 50_000
"""Used tokens remembered, some 5 MB; older ones could be used again, within the limits of rate that hold for all."""

_BODY = struct.Struct(">I8s16s16s")  # expiry, a random number, attempt, client
_SIGNATURE_BYTES: Final = 16
_ID_DIGITS: Final = 32
_NOBODY: Final = bytes(16)


class LogIds(NamedTuple):
    """Whom lines are about; `client` is empty where the attempt got no session, or not yet."""

    attempt: str
    client: str


class _Opened(NamedTuple):
    """A token that is good: its end, its own number, and what it is for."""

    expires: int
    number: bytes
    ids: LogIds


class LogTokens:
    """Gives tokens and takes each once.

    Args:
        secret: signs them.
        ttl: how long each is good, in seconds.
        clock: Unix seconds.
    """

    def __init__(self, secret: bytes, ttl: float, clock: Callable[[], float], remembered: int = REMEMBERED) -> None:
        self._secret = secret
        self.others: Collection[bytes] = ()
        """Secrets of other instances, whose tokens are as good."""
        self._ttl = ttl
        self._clock = clock
        self._remembered = remembered
        self._used: dict[bytes, int] = {}  # random number to expiry, in the order they came

    def issue(self, attempt: str, client: str = "") -> str:
        """Return a token for an attempt, empty for an id that is not 32 hexadecimal digits."""
        try:
            ids = [_packed(attempt), _packed(client) if client else _NOBODY]
        except ValueError:
            return ""
        body = _BODY.pack(int(self._clock() + self._ttl), os.urandom(8), *ids)
        return urlsafe_b64encode(body + _sign(self._secret, body)).decode()

    def read(self, token: str) -> LogIds | None:
        """Return what a token is for, which stays good; None for one that is not ours, used or expired."""
        found = self._open(token)
        return found.ids if found is not None else None

    def redeem(self, token: str) -> LogIds | None:
        """Return what a token is for and take it out of use; None as by `read`."""
        found = self._open(token)
        if found is None:
            return None
        self._remember(found)
        return found.ids

    # Private methods

    def _is_signed(self, body: bytes, signature: bytes) -> bool:
        return any(hmac.compare_digest(signature, _sign(secret, body)) for secret in (self._secret, *self.others))

    def _open(self, token: str) -> _Opened | None:
        try:
            raw = urlsafe_b64decode(token)
        except (Error, ValueError):
            return None
        body, signature = raw[: _BODY.size], raw[_BODY.size :]
        if len(body) < _BODY.size or not self._is_signed(body, signature):
            return None
        expires, number, attempt, client = _BODY.unpack(body)
        if self._clock() > expires or number in self._used:
            return None
        return _Opened(expires, number, LogIds(attempt.hex(), "" if client == _NOBODY else client.hex()))

    def _remember(self, opened: _Opened) -> None:
        now = self._clock()
        while self._used:
            oldest = next(iter(self._used))
            if self._used[oldest] >= now and len(self._used) < self._remembered:
                break
            del self._used[oldest]
        self._used[opened.number] = opened.expires


def _sign(secret: bytes, body: bytes) -> bytes:
    return hmac.digest(secret, body, "sha256")[:_SIGNATURE_BYTES]


def _packed(name: str) -> bytes:
    if len(name) != _ID_DIGITS:
        raise ValueError("expected 32 hexadecimal digits")
    return bytes.fromhex(name)
