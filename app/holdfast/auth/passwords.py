"""Passwords: argon2id hashes, and whether a password belongs to one. Slow on purpose; see `threads`."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Final, NamedTuple

import argon2
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from argon2.low_level import hash_secret_raw

from holdfast.settings_auth import PasswordSettings

LONGEST_BYTES: Final = 1024
"""Of a password; more would only give strangers work to make us do."""

_GENERATED_BYTES: Final = 12
_SALT_BYTES: Final = 16
_LEAST_MEMORY: Final = 8
"""KiB for each lane (RFC 9106, 3.1)."""


class Verdict(NamedTuple):
    """Whether the password is right, and the hash to keep from now on where the present one is out of date."""

    is_right: bool
    rehashed: str | None = None


class Passwords:
    """Makes and compares hashes with the parameters of the settings."""

    def __init__(self, settings: PasswordSettings) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=settings.iterations,
            memory_cost=settings.memory,
            parallelism=settings.parallelism,
            type=argon2.Type.ID,
        )
        self._min_length = settings.min_length
        self._nobodys = ""

    def fault(self, password: str) -> str:
        """Return why a password cannot be taken for an account, "" if it can."""
        if len(password) < self._min_length:
            return f"expected at least {self._min_length} characters, got {len(password)}"
        if len(_normal(password)) > LONGEST_BYTES:
            return f"expected at most {LONGEST_BYTES} bytes"
        return ""

    def prepare(self) -> None:
        """Make the hash that stands for unknown accounts, so that the first login of one takes no longer."""
        self._nobodys = self._nobodys or self._hasher.hash(secrets.token_bytes(16))

    def hash(self, password: str) -> str:
        """Return a hash to keep."""
        return self._hasher.hash(_normal(password))

    def verify(self, password: str, kept: str | None, *, rehashes: bool = True) -> Verdict:
        """Compare a password with a hash, or with nobody's where there is none, which takes as long and is never right.

        A kept text that is no hash is never right either. A hash that cost less than one costs now is made up for by
        work for nothing, unless a new one is made.
        """
        given = _normal(password)
        if len(given) > LONGEST_BYTES:
            given, kept = b"", None
        self.prepare()
        compared = kept if kept is not None else self._nobodys
        is_right = self._is_right(compared, given) and kept is not None
        if is_right and rehashes and self._hasher.check_needs_rehash(compared):
            return Verdict(True, self._hasher.hash(given))
        self._make_up_for(compared, given)
        return Verdict(is_right)

    # Private methods

    def _is_right(self, kept: str, given: bytes) -> bool:
        try:
            return self._hasher.verify(kept, given)
        except VerifyMismatchError:
            return False
        except (VerificationError, InvalidHashError):  # it is damaged, which was seen before any work
            self._hasher.hash(given)
            return False

    def _make_up_for(self, kept: str, given: bytes) -> None:
        """Spend what a comparison with a hash of the present settings would have cost more.

        The work of argon2 is its memory times its passes. What a hash cost more than that cannot be made up for.
        """
        now = self._hasher
        try:
            then = argon2.extract_parameters(kept)
        except InvalidHashError:
            return
        left = now.memory_cost * now.time_cost - then.memory_cost * then.time_cost
        memory = left // now.time_cost  # never more than one hash takes
        if memory >= _LEAST_MEMORY * now.parallelism:
            hash_secret_raw(
                given, bytes(_SALT_BYTES), now.time_cost, memory, now.parallelism, now.hash_len, argon2.Type.ID
            )


def generated() -> str:
    """Return a new password of 96 random bits."""
    return secrets.token_urlsafe(_GENERATED_BYTES)


def _normal(password: str) -> bytes:
    # The same characters may be typed in more than one way (NIST SP 800-63B, 5.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
