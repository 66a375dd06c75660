"""The accounts of the login in a real PostgreSQL."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from holdfast.auth.users import UserExistsError, Users
from holdfast.auth.users_schema import make_engine
from holdfast.errors import LoginError
from holdfast.settings_auth import AuthSettings
from tests.certificates import write_certificate
from tests.gateway import Gateway
from tests.integration.test_login import PASSWORD, Browser, holdfast, settings, slug
from tests.parts import require
from tests.postgres import Postgres, running_postgres

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A server that the tests of this file share."""
    require("postgresql")
    with running_postgres() as one:
        yield one


@pytest.fixture
def postgres(server: Postgres) -> Postgres:
    """Return a server whose database is empty."""
    engine = make_engine(auth(server))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS holdfast_users, holdfast_schema"))
    engine.dispose()
    return server


def auth(server: Postgres, options: str = "") -> AuthSettings:
    """Return the settings of a login with users there."""
    given = {"enabled": True, "users_url": server.url + options, "database_timeout": 2, "pool_size": 2}
    return AuthSettings.model_validate(given)


def test_processes_make_the_tables_at_once(postgres: Postgres) -> None:
    """One of them does, the others wait for it; no change is lost, and no name is taken twice."""
    databases = [Users(auth(postgres)) for _ in range(8)]

    def add(users: Users) -> bool:
        try:
            users.add("Alice", "hash")
        except UserExistsError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        added = list(threads.map(add, databases))
        list(threads.map(lambda one: [one.end_sessions("alice") for _ in range(5)], databases))
    user = databases[0].by_name(" ALICE")
    for one in databases:
        one.close()

    assert sorted(added) == [False] * 7 + [True]
    assert user is not None
    assert user.generation == 41


def test_dead_connections_are_replaced(postgres: Postgres) -> None:
    """A database that was away is asked again, and nothing secret is in what is said of it."""
    users = Users(auth(postgres))
    users.add("alice", "hash")
    postgres.stop()
    with pytest.raises(LoginError) as refused:
        users.by_name("alice")
    postgres.start()

    assert refused.value.slug == "users_unavailable"
    assert users.by_name("alice") is not None
    users.close()


def test_database_that_hangs_is_given_up(postgres: Postgres) -> None:
    """On a connection that was good and on a new one, in bounded time; what it answers later is nobody's answer."""
    users = Users(auth(postgres))
    users.add("alice", "hash")
    with users._engine.connect() as connection:
        backend = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    for pid in (backend, postgres.pid):
        os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    try:
        with pytest.raises(LoginError) as refused:
            users.by_name("alice")
    finally:
        for pid in (postgres.pid, backend):
            os.kill(pid, signal.SIGCONT)

    assert refused.value.slug == "users_unavailable"
    assert time.monotonic() - begun < 30
    assert users.by_name("bob") is None
    assert users.by_name("alice") is not None
    users.close()


def test_killed_connections_are_replaced(postgres: Postgres) -> None:
    """All of the pool, by somebody at the database: the next query has another, and is not refused."""
    users = Users(auth(postgres))
    users.add("alice", "hash")
    other = make_engine(auth(postgres))
    with other.begin() as connection:
        killed = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        connection.execute(killed)
    other.dispose()

    assert users.by_name("alice") is not None
    users.close()


def test_tls_as_the_address_asks(postgres: Postgres, tmp_path: Path) -> None:
    """Whom the certificate names is believed, others are not, and `require` is not content without TLS."""
    (tmp_path / "other").mkdir()
    cert, key = write_certificate(tmp_path)
    wrong, _ = write_certificate(tmp_path / "other")

    def ask(options: str) -> bool | str:
        users = Users(auth(postgres, options))
        try:
            users.prepare()
            with users._engine.connect() as connection:
                query = text("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
                return bool(connection.execute(query).scalar_one())
        except LoginError as error:
            return error.slug
        finally:
            users.close()

    assert ask("?sslmode=require") == "users_unavailable"
    assert ask("") is False
    postgres.stop()
    postgres.use_tls(cert, key)
    postgres.start()
    found = {mode: ask(f"?sslmode={mode}&sslrootcert={cert}") for mode in ("require", "verify-ca", "verify-full")}
    assert found == {"require": True, "verify-ca": True, "verify-full": True}
    assert (ask("?sslmode=disable"), ask("?sslmode=prefer"), ask("?sslmode=require")) == (False, True, True)
    assert ask(f"?sslmode=verify-full&sslrootcert={wrong}") == "users_unavailable"
    assert ask("?sslmode=verify-full") == "users_unavailable"


def test_gateway_outlives_its_database(start_gateway: Callable[..., Gateway], postgres: Postgres) -> None:
    """It starts without it, names it where it is missing, and goes on when it is back."""
    given = settings(users_path=None, users_url=postgres.url, database_timeout=2)
    postgres.stop()
    gateway = start_gateway(given)
    assert slug(Browser(gateway).log_in("ada")) == "users_unavailable"
    postgres.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while slug(answer := Browser(gateway).log_in("ada")) != "login_refused":
        assert time.monotonic() < deadline, answer.text
    done = holdfast(gateway, "user", "add", "Ada", "--password-stdin", typed=f"{PASSWORD}\n")
    assert done.returncode == 0, done.stderr

    browser = Browser(gateway, "ada")
    with browser.connect() as client:
        postgres.stop()
        client.subscribe("news")
        refused = browser.refresh()
    assert (refused.status_code, slug(refused)) == (503, "users_unavailable")
    postgres.start()
    assert browser.refresh().status_code == 200
    assert "database-password" not in gateway.log()
