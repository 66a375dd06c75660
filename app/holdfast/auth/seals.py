"""Values in cookies that only we can have made: which device has logged in before, which session a browser has. Pure.

Both are weak on purpose. That of a device opens nothing, it only has its own count of failures; that of a
session lets write log lines while it lives, and a refresh token counts only beside it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Final, Literal

_LONGEST: Final = 1024
_DEVICE_BYTES: Final = 16

Purpose = Literal["device", "session"]


class Seals:
    """Makes and reads them.

    Args:
        secret: the one that signs tokens; each purpose has a key derived from it.
    """

    def __init__(self, secret: bytes) -> None:
        self._keys: dict[Purpose, bytes] = {
            "device": hmac.digest(secret, b"holdfast device cookie", "sha256"),
            "session": hmac.digest(secret, b"holdfast session cookie", "sha256"),
        }

    def device(self, account: str) -> str:
        """Return the value for a device on which this account has logged in."""
        return self._seal("device", account, os.urandom(_DEVICE_BYTES).hex())

    def read_device(self, text: str, account: str) -> str:
        """Return which device of this account a value is of, "" if it is none of ours or another account's."""
        owner, device = self._open("device", text)
        return device if owner == account else ""

    def session(self, user: str, session: str) -> str:
        """Return the value that says which session a browser has."""
        return self._seal("session", user, session)

    def read_session(self, text: str) -> tuple[str, str] | None:
        """Return user and session of such a value, None if it is none of ours."""
        owner, session = self._open("session", text)
        return (owner, session) if session else None

    # Private methods

    def _seal(self, purpose: Purpose, owner: str, name: str) -> str:
        return f"{urlsafe_b64encode(owner.encode()).decode()}.{name}.{self._sign(purpose, owner, name)}"

    def _open(self, purpose: Purpose, text: str) -> tuple[str, str]:
        parts = text.split(".")
        if len(text) > _LONGEST or len(parts) != 3:
            return "", ""
        try:
            owner = urlsafe_b64decode(parts[0]).decode()
        except (ValueError, Error):
            return "", ""
        expected = self._sign(purpose, owner, parts[1])
        return (owner, parts[1]) if hmac.compare_digest(expected.encode(), parts[2].encode()) else ("", "")

    def _sign(self, purpose: Purpose, owner: str, name: str) -> str:
        return hmac.new(self._keys[purpose], f"{owner}\0{name}".encode(), hashlib.sha256).hexdigest()
