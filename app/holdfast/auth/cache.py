"""Remembers validated tokens for a while, so that a reconnecting crowd costs no signature checks.

Only good results are kept: they are one entry per real token, whereas refusals are made by anybody, in any number,
and would push them out. A refusal costs its check again, which for HMAC is hardly dearer than a lookup.
"""

from __future__ import annotations

import math
from typing import Generic, NamedTuple

from holdfast.auth.claims import AnyClaims


class _Entry(NamedTuple, Generic[AnyClaims]):
    claims: AnyClaims
    deadline: float
    generation: int


class TokenCache(Generic[AnyClaims]):
    """Claims by the digest of their token, never the token itself; the oldest entry makes room for a new one."""

    __slots__ = ("_entries", "_max_entries", "_ttl_seconds")

    def __init__(self, max_entries: int, ttl_seconds: float) -> None:
        self._max_entries = max_entries if ttl_seconds > 0 else 0
        self._ttl_seconds = ttl_seconds
        self._entries: dict[bytes, _Entry[AnyClaims]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes, now: float, generation: int) -> AnyClaims | None:
        """Return what is remembered, unless its time is over or a key went since (another `generation`)."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if now >= entry.deadline or generation != entry.generation:
            del self._entries[digest]
            return None
        return entry.claims

    def put(
        self, digest: bytes, claims: AnyClaims, now: float, generation: int, *, valid_until: float = math.inf
    ) -> None:
        """Remember for the TTL at most, and never beyond `valid_until` (of token and key, Unix seconds)."""
        deadline = min(now + self._ttl_seconds, valid_until)
        if not self._max_entries or deadline <= now:
            return
        self._entries.pop(digest, None)
        if len(self._entries) >= self._max_entries:
            del self._entries[next(iter(self._entries))]
        self._entries[digest] = _Entry(claims, deadline, generation)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
