"""Logs users in and out: what comes in which order, and what each of them is told.

Unknown, disabled and wrong look the same from outside: one answer, and the same work before it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from holdfast.auth import refresh_tokens
from holdfast.auth.credentials import Credentials
from holdfast.auth.grants import Granted, Grants
from holdfast.auth.issuer import TokenIssuer
from holdfast.auth.lockout import AddressRate, Lockouts, Trial
from holdfast.auth.passwords import Passwords
from holdfast.auth.seals import Seals
from holdfast.auth.sessions import Live, Sessions
from holdfast.auth.threads import BoundedThreads
from holdfast.auth.turnstile import Turnstile
from holdfast.auth.users import User, Users, account_of
from holdfast.errors import DoorError, LoginError
from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.settings_auth import AuthSettings
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

_LEAST_WAIT: Final = 1

_log = get_logger(__name__)


class TokenEnder(Protocol):
    """Refuses access tokens from now on and closes the connections that live by them."""

    async def end_session(self, session: str, reason: str) -> int:
        """End one session's; return how many connections were closed."""

    async def end_user(self, user: str, reason: str) -> int:
        """End all of a user's issued until now; return how many connections were closed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody who wants to log in: what was typed, where it came from, and the cookies that came with it."""

    name: str
    password: str = field(repr=False)
    address: str
    party: str
    device: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Desk:
    """What a login is made of."""

    users: Users
    passwords: Passwords
    sessions: Sessions
    lockouts: Lockouts
    rates: AddressRate
    refreshes: KeyedBuckets
    issuer: TokenIssuer
    seals: Seals
    ender: TokenEnder


class LoginService:
    """Logs in, refreshes, logs out.

    Args:
        clock: Unix seconds.
    """

    def __init__(self, settings: AuthSettings, desk: Desk, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._desk = desk
        self._database = BoundedThreads("users", settings.pool_size, settings.database_waiting)
        self._turnstile = Turnstile(desk.lockouts, desk.rates)
        self._credentials = Credentials(desk.users, desk.passwords, settings.password, self._database)
        self._grants = Grants(settings, desk.issuer, clock)

    # Public methods: life

    async def start(self) -> None:
        """Get ready; a database that does not answer now is asked again by each request.

        Raises:
            ConfigError: the tables are of a later version.
        """
        await self._credentials.start()
        try:
            await self._database.run(self._desk.users.prepare)
        except LoginError:
            return  # logged, and health is not the login's alone: connections with a token are served

    async def stop(self) -> None:
        """Let go of threads and database."""
        self._credentials.stop()
        self._database.close()
        self._desk.users.close()

    # Public methods: logins and sessions

    async def log_in(self, attempt: Attempt) -> Granted:
        """Begin a session.

        Raises:
            LoginError: `login_refused`, `login_locked`, `login_busy` or `users_unavailable`.
            BrokerError: nobody can count or keep sessions now; nobody is judged.
        """
        account = account_of(attempt.name)
        trial = Trial(account, attempt.party, self._desk.seals.read_device(attempt.device, account))
        async with self._turnstile.judging(trial):
            user, why = await self._credentials.judge(account, attempt.password)
        if user is None or why:
            raise LoginError("login_refused", why=why, **({"user": user.id} if user else {}))
        await self._turnstile.succeed(trial)
        if attempt.refresh:  # the browser is about to forget it
            await self._end(attempt.refresh)
        session = await self._begin(user)
        device = "" if trial.device else self._desk.seals.device(account)
        _log.info("logged_in", user=user.id, session=session.id, address=attempt.address)
        return self._grants.grant(user, session, device)

    async def refresh(self, cookie: str) -> Granted:
        """Exchange a refresh token and give an access token.

        Raises:
            LoginError: `session_missing`, `session_ended`, `session_signed_out`, `session_replayed`, `login_busy` or
                `users_unavailable`.
            DoorError: `rate_limited`.
        """
        user = await self._owner(cookie)
        session = await self._or_tell(self._desk.sessions.refresh(cookie, user.generation))
        metrics.REFRESHES.labels("repeated" if session.is_repeated else "ok").inc()
        return self._grants.grant(user, session)

    async def look(self, cookie: str) -> tuple[User, Live, int]:
        """Return whose session this is, the session, and how many that user has; nothing is exchanged.

        Raises:
            LoginError: as `refresh`.
        """
        user = await self._owner(cookie)
        session = await self._or_tell(self._desk.sessions.find(cookie, user.generation))
        return user, session, len(await self._desk.sessions.all(user.id))

    def session_cookie(self, session: Live) -> str:
        """Return the cookie that says which session a browser has."""
        return self._desk.seals.session(session.user, session.id)

    def own_of(self, refresh: Iterable[str], session: str) -> str:
        """Return which of the refresh cookies that came is the one of the session cookie, "" if none.

        Another host of the domain may set a refresh cookie for ours, of a session that is the attacker's (RFC 6265,
        8.6), but no session cookie: browsers take that name from its own host alone.
        """
        owner = self._desk.seals.read_session(session)
        for text in refresh if owner is not None else ():
            token = refresh_tokens.read(text)
            if token is not None and (token.user, token.session) == owner:
                return text
        return ""

    async def log_out(self, cookie: str, *, everywhere: bool = False) -> None:
        """End a session, or all of its user's; one that has ended is as good."""
        ended = await self._end(cookie) if cookie else None
        if ended is None:
            return
        closed = 0
        if everywhere:
            _, closed = await self.end_all(ended.user, "signed out everywhere")
        closed += await self._desk.ender.end_session(ended.id, "signed out")
        metrics.LOGOUTS.labels("everywhere" if everywhere else "here").inc()
        _log.info("logged_out", user=ended.user, session=ended.id, everywhere=everywhere, connections=closed)

    async def end_all(self, user: str, reason: str) -> tuple[int, int]:
        """End all sessions of a user; return how many, and how many connections were closed."""
        sessions = await self._desk.sessions.end_all(user)
        closed = await self._desk.ender.end_user(user, reason)
        for session in sessions:
            closed += await self._desk.ender.end_session(session, reason)
        try:
            # Outlives a crash, and reaches sessions that no store of ours holds.
            await self._database.run(partial(self._desk.users.end_sessions, user))
        except LoginError as error:
            _log.warning("sessions_not_ended", slug=error.slug, user=user)
        return len(sessions), closed

    # Private methods

    async def _begin(self, user: User) -> Live:
        """Begin a session, unless the account was changed while the password was being checked.

        Asked after the session is there, so that whoever changes the account either is seen here or sees the session.
        """
        session = await self._desk.sessions.begin(user.id, user.generation)
        now = await self._database.run(partial(self._desk.users.by_id, user.id))
        if now is None or now.is_disabled or now.generation != user.generation:
            await self._desk.sessions.end(session)
            raise LoginError("login_refused", why="changed", user=user.id)
        return session

    async def _owner(self, cookie: str) -> User:
        """Return whose session this is; the database is asked only by cookies that count."""
        if not cookie:
            raise LoginError("session_missing")
        session = await self._or_tell(self._desk.sessions.find(cookie))
        if not self._desk.refreshes.take(session.id):
            wait = max(_LEAST_WAIT, math.ceil(1 / self._settings.refresh_rate))
            raise DoorError("rate_limited", "Too many refreshes of one session.", user=session.user, retry_after=wait)
        user = await self._database.run(partial(self._desk.users.by_id, session.user))
        if user is None or user.is_disabled:
            raise LoginError("session_ended", user=session.user)
        return user

    async def _end(self, cookie: str) -> Live | None:
        try:
            session = await self._or_tell(self._desk.sessions.find(cookie))
        except LoginError:
            return None
        await self._desk.sessions.end(session)
        return session

    async def _or_tell(self, found: Awaitable[Live]) -> Live:
        """Return a session; of one that this very token has ended nothing may go on."""
        try:
            return await found
        except LoginError as error:
            session = error.context.get("session")
            if isinstance(session, str):
                await self._desk.ender.end_session(session, error.slug)
            raise
