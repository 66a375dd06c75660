"""The tables of users, how a database gets them, and which version of them it has.

Several processes may open one database at once, with the command line beside a gateway: who is first makes the tables,
under a lock that the others wait for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    select,
    text,
)

from holdfast.auth.users_postgres import make_postgres
from holdfast.errors import ConfigError
from holdfast.settings_auth import AuthSettings

SCHEMA_VERSION: Final = 1
_MODE: Final = 0o600
# Any number that no other program takes; it is the same for all processes of ours.
_ADVISORY_LOCK: Final = 0x486F6C64

_METADATA = MetaData()
VERSIONS = Table("holdfast_schema", _METADATA, Column("part", String(32), primary_key=True), Column("version", Integer))
USERS = Table(
    "holdfast_users",
    _METADATA,
    Column("id", String(128), primary_key=True),
    Column("account", String(256), nullable=False, unique=True),
    Column("name", String(256), nullable=False),
    Column("password_hash", String(512), nullable=False),
    Column("is_disabled", Boolean, nullable=False),
    # Grows with whatever ends all sessions; those of an older one are refused at their next refresh.
    Column("generation", BigInteger, nullable=False),
    Column("created_at", Float, nullable=False),
)


def make_engine(settings: AuthSettings) -> Engine:
    """Return an engine for the configured database, which nothing has asked yet.

    Raises:
        ConfigError: the file cannot be made or read, or the driver is not installed.
    """
    url = settings.users_url.get_secret_value()
    return make_postgres(url, settings) if url else _sqlite(settings.users_path or Path("users.sqlite"), settings)


def prepare(engine: Engine) -> None:
    """Make the tables unless they are there.

    Raises:
        ConfigError: they are of a later version.
        sqlalchemy.exc.SQLAlchemyError: the database did not do it.
    """
    with _alone(engine) as connection:
        _METADATA.create_all(connection)
        found = connection.execute(select(VERSIONS.c.version).where(VERSIONS.c.part == "users")).scalar()
        if found is None:
            connection.execute(insert(VERSIONS).values(part="users", version=SCHEMA_VERSION))
        elif found > SCHEMA_VERSION:
            raise ConfigError(
                [f"the database of users has version {found} of its tables, this gateway knows {SCHEMA_VERSION}"]
            )


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that only one process has at a time."""
    with engine.execution_options(is_alone=True).begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        yield connection


def _sqlite(path: Path, settings: AuthSettings) -> Engine:
    _make_file(path)
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=settings.pool_size,
        max_overflow=0,
        pool_timeout=settings.database_timeout,
        connect_args={"timeout": settings.database_timeout},
        hide_parameters=True,
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _make_file(path: Path) -> None:
    """Make an empty file that only its owner reads; SQLite gives its journals the same mode."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        handle = os.open(path, flags, _MODE)
        try:
            if os.fstat(handle).st_mode & 0o077:
                os.fchmod(handle, _MODE)
        finally:
            os.close(handle)
    except OSError as error:
        raise ConfigError(
            [f"auth.users_path: expected a file to read and write, got {path}: {error.strerror}"]
        ) from None


def _configure(connection: Any, _record: object) -> None:
    # Transactions begin where SQLAlchemy says so (`_begin`), not where the driver thinks.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    # Who reads first and then writes has to lock at once: a reader that becomes a writer may fail instead of waiting.
    is_alone = connection.get_execution_options().get("is_alone", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_alone else "BEGIN")
