"""Whether a name and a password belong together: the one question of a login that is slow, and asked of a database.

Unknown, disabled and wrong take the same work, so that the time of an answer says no more than the answer.
"""

from __future__ import annotations

from functools import partial

from holdfast.auth.passwords import Passwords
from holdfast.auth.threads import BoundedThreads
from holdfast.auth.users import User, Users, name_fault
from holdfast.settings_auth import PasswordSettings
from holdfast.telemetry import metrics


class Credentials:
    """Judges them.

    Args:
        database: the threads that may ask it.
    """

    def __init__(
        self, users: Users, passwords: Passwords, settings: PasswordSettings, database: BoundedThreads
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._database = database
        self._hashing = BoundedThreads("password", settings.workers, settings.waiting, gives_way=True)

    async def start(self) -> None:
        """Make what stands for unknown accounts."""
        await self._hashing.run(self._passwords.prepare)

    def stop(self) -> None:
        """Let go of the threads."""
        self._hashing.close()

    async def judge(self, account: str, password: str) -> tuple[User | None, str]:
        """Return the account, and why it is not let in, "" if it is.

        Raises:
            LoginError: `login_busy` or `users_unavailable`.
        """
        # A name that no account can have is not for the database, which may choke on it (NUL in PostgreSQL).
        found = None if name_fault(account) else partial(self._users.by_name, account)
        user = await self._database.run(found) if found is not None else None
        kept = user.password_hash if user is not None else None
        rehashes = user is not None and not user.is_disabled
        with metrics.PASSWORD_SECONDS.time():
            verdict = await self._hashing.run(partial(self._passwords.verify, password, kept, rehashes=rehashes))
        if user is None:
            return None, "unknown_user"
        if not verdict.is_right:
            return user, "wrong_password"
        if user.is_disabled:
            return user, "disabled"
        if verdict.rehashed is not None:
            await self._database.run(partial(self._users.rehash, user.id, user.password_hash, verdict.rehashed))
        return user, ""
