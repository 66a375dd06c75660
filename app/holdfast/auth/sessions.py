"""Sessions of logged-in users in the broker's store: begun, renewed by their refresh tokens, ended.

What decides about a token is pure (`refresh_tokens`); here it is tried until no other request of any instance came
between reading and writing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from holdfast.auth import refresh_tokens
from holdfast.auth.refresh_tokens import RefreshToken, Session, ended
from holdfast.errors import LoginError
from holdfast.settings_auth import AuthSettings

TOMBSTONE_SECONDS: Final = 86400.0
"""How long it is remembered why a session was ended, so that whoever comes back is told."""
_SALT_BYTES: Final = 16
_ID_BYTES: Final = 16
_TRIES: Final = 1000


class Store(Protocol):
    """Where sessions are kept; the broker's `SessionStore`."""

    async def get(self, owner: str, session: str) -> bytes | None:
        """Return a value."""

    async def put(self, owner: str, session: str, value: bytes, ttl: float) -> None:
        """Keep a value."""

    async def swap(self, owner: str, session: str, expected: bytes, value: bytes, ttl: float) -> bool:
        """Replace a value if it is the expected one."""

    async def delete(self, owner: str, session: str) -> bool:
        """Forget a session."""

    async def sessions_of(self, owner: str) -> dict[str, bytes]:
        """Return an owner's values."""


@dataclass(frozen=True, slots=True)
class Live:
    """A session that goes on, with the refresh token that counts now; moments are Unix seconds."""

    user: str
    id: str
    token: str
    session: Session
    expires_at: float
    is_repeated: bool = False


class _Read(NamedTuple):
    """What the store had, and the value itself to compare with."""

    session: Session
    value: bytes


class Sessions:
    """The sessions of all users.

    Args:
        clock: Unix seconds.
        key: vouches for what tokens say of themselves.
    """

    def __init__(
        self, settings: AuthSettings, store: Store, clock: Callable[[], float] = time.time, key: bytes = b""
    ) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._key = key

    # Public methods

    async def begin(self, user: str, generation: int) -> Live:
        """Begin a session, and end the one not used for longest where there are too many."""
        token = RefreshToken(user, os.urandom(_ID_BYTES).hex(), os.urandom(refresh_tokens.SECRET_BYTES))
        session = refresh_tokens.begin(token.secret, generation, self._clock())
        await self._make_room(user)
        await self._store.put(user, token.session, refresh_tokens.encode(session), self._ttl(session))
        return self._live(token, session)

    async def find(self, text: str, generation: int | None = None) -> Live:
        """Return the session of a refresh token without exchanging it.

        Raises:
            LoginError: as `refresh`.
        """
        for _ in range(_TRIES):
            token, found = await self._read(text, generation)
            if self._exchange(found.session, token.secret).secret is not None:
                return self._live(token, found.session)
            await self._replayed(token, found)
        raise LoginError("session_ended", "Others changed the session all the time.")

    async def refresh(self, text: str, generation: int) -> Live:
        """Exchange a refresh token; `generation` is the account's.

        Raises:
            LoginError: `session_ended`, `session_signed_out` or `session_replayed`.
        """
        for _ in range(_TRIES):
            token, found = await self._read(text, generation)
            secret, renewed = self._exchange(found.session, token.secret)
            if secret is None:
                await self._replayed(token, found)
                continue
            following = token._replace(secret=secret)
            if renewed is None:
                return self._live(following, found.session, is_repeated=True)
            value = refresh_tokens.encode(renewed)
            if await self._store.swap(token.user, token.session, found.value, value, self._ttl(renewed)):
                return self._live(following, renewed)
        raise LoginError("session_ended", "Others changed the session all the time.")

    async def end(self, live: Live) -> None:
        """End a session."""
        await self._bury(live.user, live.id, live.session)

    async def end_all(self, user: str) -> list[str]:
        """End all sessions of a user and return their ids."""
        alive = await self.all(user)
        for session_id, session in alive.items():
            await self._bury(user, session_id, session)
        return list(alive)

    async def is_alive(self, user: str, session_id: str) -> bool:
        """Tell whether a session goes on."""
        return session_id in await self.all(user)

    async def all(self, user: str) -> Mapping[str, Session]:
        """Return a user's sessions that go on, by id."""
        found = await self._store.sessions_of(user)
        sessions = {session_id: refresh_tokens.decode(value) for session_id, value in found.items()}
        return {session_id: one for session_id, one in sessions.items() if one is not None and not one.ended}

    # Private methods

    async def _read(self, text: str, generation: int | None) -> tuple[RefreshToken, _Read]:
        token = refresh_tokens.read(text, self._key)
        if token is None:
            raise LoginError("session_ended", "The cookie has no session's form.")
        value = await self._store.get(token.user, token.session)
        if value is None:
            raise LoginError("session_ended", user=token.user)
        session = refresh_tokens.decode(value)
        if session is None or not refresh_tokens.is_marked(session, token.secret):
            raise LoginError("session_ended", "The cookie is none of this session's.")
        if session.ended:
            raise LoginError(session.ended, user=token.user)
        if self._ttl(session) <= 0 or generation not in (None, session.generation):
            raise LoginError("session_ended", user=token.user)
        return token, _Read(session, value)

    def _exchange(self, session: Session, shown: bytes) -> refresh_tokens.Exchange:
        overlap = self._settings.refresh_overlap
        return refresh_tokens.exchange(session, shown, self._clock(), overlap, os.urandom(_SALT_BYTES))

    async def _replayed(self, token: RefreshToken, found: _Read) -> None:
        """End a session whose token came back, or was given by a store that knew more than this one.

        Raises:
            LoginError: `session_replayed` or `session_ended`, unless the session has changed since it was read.
        """
        is_later = token.number > found.session.count
        dead = refresh_tokens.encode(ended(found.session, "session_ended" if is_later else "session_replayed"))
        if not await self._store.swap(token.user, token.session, found.value, dead, TOMBSTONE_SECONDS):
            return
        if is_later:
            detail = "The cookie is later than what is known of the session: it was lost in a crash."
            raise LoginError("session_ended", detail, user=token.user, session=token.session)
        raise LoginError("session_replayed", user=token.user, session=token.session)

    async def _bury(self, user: str, session_id: str, session: Session) -> None:
        tombstone = refresh_tokens.encode(ended(session, "session_signed_out"))
        await self._store.put(user, session_id, tombstone, TOMBSTONE_SECONDS)

    async def _make_room(self, user: str) -> None:
        alive = await self.all(user)
        excess = len(alive) - self._settings.max_sessions + 1
        for session_id in sorted(alive, key=lambda one: alive[one].refreshed_at)[: max(0, excess)]:
            await self._store.delete(user, session_id)
        # Whoever logs in and out all day must not fill the store with ends.
        kept = await self._store.sessions_of(user)
        if len(kept) >= 2 * self._settings.max_sessions:
            for session_id in kept.keys() - alive.keys():
                await self._store.delete(user, session_id)

    def _ttl(self, session: Session) -> float:
        return self._expires_at(session) - self._clock()

    def _expires_at(self, session: Session) -> float:
        settings = self._settings
        return min(session.refreshed_at + settings.idle_lifetime, session.started_at + settings.absolute_lifetime)

    def _live(self, token: RefreshToken, session: Session, *, is_repeated: bool = False) -> Live:
        text = refresh_tokens.write(token._replace(number=session.count), self._key)
        return Live(token.user, token.session, text, session, self._expires_at(session), is_repeated)
