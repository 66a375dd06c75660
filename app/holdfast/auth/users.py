"""The accounts that may log in, in SQLite or PostgreSQL. Calls wait for the database: not for the event loop."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from holdfast.auth.users_schema import USERS, make_engine, prepare
from holdfast.errors import LoginError
from holdfast.settings_auth import AuthSettings
from holdfast.telemetry.logs import get_logger

LONGEST_NAME: Final = 128

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class User:
    """An account.

    `id` is what tokens call the user, `name` is shown; `generation` grows with whatever ends all sessions.
    """

    id: str
    name: str
    password_hash: str = field(repr=False)
    is_disabled: bool
    generation: int
    created_at: float


class UserExistsError(Exception):
    """There is an account of that name or id already."""


class Users:
    """The accounts of one database.

    Args:
        engine: None makes one from the settings.
        clock: Unix seconds.

    Raises:
        ConfigError: the database's file or driver cannot be used.
    """

    def __init__(
        self, settings: AuthSettings, engine: Engine | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._engine = engine or make_engine(settings)
        self._clock = clock
        self._is_prepared = False

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    # Public methods: all raise LoginError("users_unavailable") when the database does not do it, and ConfigError
    # where its tables are of a later version.

    def prepare(self) -> None:
        """Make the tables unless they are there; every other method does so too."""
        with self._transaction():
            pass

    def by_name(self, name: str) -> User | None:
        """Return the account of a name as somebody typed it, None if there is none."""
        return self._find(USERS.c.account == account_of(name))

    def by_id(self, user: str) -> User | None:
        """Return the account of a user's id, None if there is none."""
        return self._find(USERS.c.id == user)

    def all(self) -> list[User]:
        """Return all accounts by name."""
        with self._transaction() as connection:
            return [_user(row) for row in connection.execute(select(USERS).order_by(USERS.c.account))]

    def add(self, name: str, password_hash: str, user: str = "") -> User:
        """Make an account; without an id its name is the id too.

        Raises:
            UserExistsError: name or id are taken.
        """
        shown = unicodedata.normalize("NFKC", name.strip())
        added = User(user or account_of(name), shown, password_hash, False, 1, self._clock())
        values = {
            "id": added.id,
            "account": account_of(name),
            "name": added.name,
            "password_hash": password_hash,
            "is_disabled": False,
            "generation": 1,
            "created_at": added.created_at,
        }
        with self._transaction() as connection:
            connection.execute(insert(USERS).values(**values))
        return added

    def set_password(self, user: str, password_hash: str) -> bool:
        """Give an account another password, which ends its sessions; return whether there is such a user."""
        return self._change(user, password_hash=password_hash, generation=USERS.c.generation + 1)

    def rehash(self, user: str, before: str, password_hash: str) -> None:
        """Keep a newer hash of the same password, unless the password has been changed meanwhile."""
        with self._transaction() as connection:
            condition = (USERS.c.id == user) & (USERS.c.password_hash == before)
            connection.execute(update(USERS).where(condition).values(password_hash=password_hash))

    def set_disabled(self, user: str, is_disabled: bool) -> bool:
        """Close an account, which ends its sessions, or open it again; return whether there is such a user."""
        if not is_disabled:
            return self._change(user, is_disabled=False)
        return self._change(user, is_disabled=True, generation=USERS.c.generation + 1)

    def end_sessions(self, user: str) -> bool:
        """Let no session of an account be refreshed any more; return whether there is such a user."""
        return self._change(user, generation=USERS.c.generation + 1)

    # Private methods

    def _find(self, condition: Any) -> User | None:
        with self._transaction() as connection:
            row = connection.execute(select(USERS).where(condition)).one_or_none()
        return _user(row) if row is not None else None

    def _change(self, user: str, **values: object) -> bool:
        with self._transaction() as connection:
            return connection.execute(update(USERS).where(USERS.c.id == user).values(**values)).rowcount > 0

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        try:
            if not self._is_prepared:
                prepare(self._engine)
                self._is_prepared = True
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise UserExistsError from None
        except SQLAlchemyError as error:
            reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0][:200]
            _log.error("users_unavailable", slug="users_unavailable", error=type(error).__name__, reason=reason)
            raise LoginError("users_unavailable") from None


def account_of(name: str) -> str:
    """Return what a name is compared by: neither case nor the way of typing a character counts."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.strip()).casefold())


def name_fault(name: str) -> str:
    """Return why a name cannot be an account's, "" if it can."""
    if not account_of(name):
        return "expected a name, got blanks"
    if len(account_of(name)) > LONGEST_NAME or len(name) > LONGEST_NAME:
        return f"expected at most {LONGEST_NAME} characters, got {len(name)}"
    return "" if name.isprintable() else "expected letters, digits and signs that can be printed"


def _user(row: Row[Any]) -> User:
    return User(row.id, row.name, row.password_hash, row.is_disabled, row.generation, row.created_at)
