"""Tokens that are refused although they are valid: one by its `jti`, or a user's up to a moment.

A list in the process, bounded, each entry with an end. Every use of a token asks it, remembered tokens too, so a
revocation holds from the next use on.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from holdfast.auth.claims import TokenClaims

# Longer than any sensible token lives; a token without `exp` needs another remedy (its key).
DEFAULT_KEPT_SECONDS = 24 * 3600.0
DEFAULT_MAX_ENTRIES = 100_000

RevokedSlug = Literal["token_revoked", "user_revoked"]
RevokedName = tuple[Literal["user", "jti"], str]


class Revocation(NamedTuple):
    """An entry as an operator reads it: of a user or of a token's `jti`; `reason` is the operator's own."""

    kind: Literal["user", "jti"]
    name: str
    kept_until: float
    issued_until: float
    reason: str


class _UserEntry(NamedTuple):
    issued_until: float
    kept_until: float


class RevocationList:
    """Revoked token ids and users; all moments are Unix seconds."""

    def __init__(self, max_entries: int = DEFAULT_MAX_ENTRIES) -> None:
        self._max_entries = max_entries
        self._tokens: dict[str, float] = {}
        self._users: dict[str, _UserEntry] = {}
        # Beside the entries, for those are looked at with every token.
        self._reasons: dict[tuple[str, str], str] = {}

    def __len__(self) -> int:
        return len(self._tokens) + len(self._users)

    def revoke_token(
        self, jti: str, *, now: float, kept_seconds: float = DEFAULT_KEPT_SECONDS, reason: str = ""
    ) -> None:
        """Refuse the token with this `jti` for `kept_seconds`; it should be what the token has left to live.

        Raises:
            ValueError: the id is empty.
            OverflowError: the list is full of entries that still count; none is dropped for a new one, since that
                would quietly let a revoked token in again.
        """
        if not jti:
            raise ValueError("a token without `jti` can only be revoked by its user")
        if jti not in self._tokens:
            self._make_room(now)
        self._tokens[jti] = max(now + kept_seconds, self._tokens.get(jti, 0.0))
        self._note("jti", jti, reason)

    def revoke_user(
        self,
        user: str,
        *,
        issued_until: float,
        now: float,
        kept_seconds: float = DEFAULT_KEPT_SECONDS,
        reason: str = "",
    ) -> None:
        """Refuse the user's tokens issued until a moment; infinity refuses also those to come.

        A token without `iat` cannot show that it is newer and is refused as well.

        Raises:
            OverflowError: as `revoke_token`.
        """
        former = self._users.get(user)
        if former is None:
            self._make_room(now)
            former = _UserEntry(0.0, 0.0)
        self._users[user] = _UserEntry(
            max(issued_until, former.issued_until), max(now + kept_seconds, former.kept_until)
        )
        self._note("user", user, reason)

    def find(self, claims: TokenClaims, now: float) -> RevokedSlug | None:
        """Say why these claims are revoked, the incurable reason first; None if they are not."""
        if self._users:
            entry = self._users.get(claims.user)
            if entry is not None and now < entry.kept_until and claims.issued_at <= entry.issued_until:
                return "user_revoked"
        if self._tokens and claims.jti and now < self._tokens.get(claims.jti, 0.0):
            return "token_revoked"
        return None

    def entries(self, now: float) -> list[Revocation]:
        """Return what is revoked now, the soonest to end first."""
        found = [
            Revocation("user", user, entry.kept_until, entry.issued_until, self._reasons.get(("user", user), ""))
            for user, entry in self._users.items()
        ]
        found += [
            Revocation("jti", jti, until, 0.0, self._reasons.get(("jti", jti), ""))
            for jti, until in self._tokens.items()
        ]
        return sorted((one for one in found if now < one.kept_until), key=lambda one: one.kept_until)

    def names(self) -> list[RevokedName]:
        """Return the kind and name of each entry, in any order; some may have ended."""
        return [("user", user) for user in self._users] + [("jti", jti) for jti in self._tokens]

    def entry(self, kind: Literal["user", "jti"], name: str) -> Revocation | None:
        """Return the entry of a user or a token, None if there is none; it may have ended."""
        reason = self._reasons.get((kind, name), "")
        if kind == "user":
            found = self._users.get(name)
            return Revocation("user", name, found.kept_until, found.issued_until, reason) if found else None
        until = self._tokens.get(name)
        return Revocation("jti", name, until, 0.0, reason) if until is not None else None

    def _note(self, kind: str, name: str, reason: str) -> None:
        if reason:
            self._reasons[kind, name] = reason

    def _make_room(self, now: float) -> None:
        if len(self) < self._max_entries:
            return
        self._tokens = {jti: until for jti, until in self._tokens.items() if now < until}
        self._users = {user: entry for user, entry in self._users.items() if now < entry.kept_until}
        left = {("jti", jti) for jti in self._tokens} | {("user", user) for user in self._users}
        self._reasons = {key: reason for key, reason in self._reasons.items() if key in left}
        if len(self) >= self._max_entries:
            raise OverflowError(f"the revocation list is full: {self._max_entries} entries still count")
