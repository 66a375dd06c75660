"""The accounts of the login in a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from holdfast.auth.users import UserExistsError, Users
from holdfast.auth.users_schema import make_engine
from holdfast.errors import LoginError
from holdfast.settings_auth import AuthSettings
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


def auth(server: Postgres) -> AuthSettings:
    """Return the settings of a login with users there."""
    return AuthSettings.model_validate({"enabled": True, "users_url": server.url, "database_timeout": 2})


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
