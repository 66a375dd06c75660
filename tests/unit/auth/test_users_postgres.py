from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from holdfast.auth import postgres_driver, users_postgres
from holdfast.auth.users_postgres import make_postgres, tls_of
from holdfast.errors import ConfigError
from holdfast.settings_auth import AuthSettings
from tests.certificates import write_certificate

SETTINGS = AuthSettings.model_validate({"database_timeout": 3})


def test_engine_asks_nothing_before_it_is_used() -> None:
    """A database that is down stops no start, and the password is in no text of it."""
    engine = make_postgres("postgres://holdfast:pa55word@db.invalid:5432/holdfast", SETTINGS)

    assert engine.dialect.name == "postgresql"
    assert engine.dialect.driver == "pg8000"
    assert "pa55word" not in repr(engine)
    engine.dispose()


def test_missing_driver_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what to install."""

    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("pg8000")

    monkeypatch.setattr(users_postgres, "create_engine", missing)

    with pytest.raises(ConfigError, match=r"holdfast\[postgres\]"):
        make_postgres("postgresql://db/holdfast", SETTINGS)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db.example/name", {"host": "db.example", "port": 5432, "user": "u", "password": "p"}),
        ("postgresql://u:p%40@[::1]:6000/name", {"host": "::1", "port": 6000, "password": "p@"}),
        ("postgresql:///name?host=/run/pg", {"host": "/run/pg", "port": 5432, "ssl_context": False}),
        ("postgresql://db/name?sslmode=disable", {"ssl_context": False}),
        ("postgresql://db/name?application_name=x", {"ssl_context": None, "application_name": "x"}),
        (
            "postgresql://db/name",
            {"timeout": 3.5, "startup_params": {"options": "-c statement_timeout=3000 -c lock_timeout=3000"}},
        ),
    ],
)
def test_address_says_where_and_how(monkeypatch: pytest.MonkeyPatch, url: str, expected: dict[str, object]) -> None:
    """As libpq reads it, and with the settings' limits."""
    given: dict[str, object] = {}

    def begin(arguments: dict[str, object]) -> None:
        given.update(arguments)
        raise ConnectionResetError("cut")

    monkeypatch.setattr(postgres_driver, "_open", begin)
    engine = make_postgres(url, SETTINGS)
    # What a driver may not let through: the pool would not see that the connection is gone.
    with pytest.raises(Exception, match="network error: cut"):
        engine.connect()

    assert given.items() >= expected.items()


@pytest.mark.parametrize(
    ("options", "host", "verify"),
    [
        ({"sslmode": "require"}, False, ssl.CERT_NONE),
        ({"sslmode": "verify-ca"}, False, ssl.CERT_REQUIRED),
        ({"sslmode": "verify-full"}, True, ssl.CERT_REQUIRED),
    ],
)
def test_modes_of_tls(options: dict[str, str], host: bool, verify: ssl.VerifyMode) -> None:
    """Each compares what its name says."""
    context = tls_of(options)

    assert isinstance(context, ssl.SSLContext)
    assert (context.check_hostname, context.verify_mode) == (host, verify)


def test_certificates_are_read(tmp_path: Path) -> None:
    """A root makes `require` compare it, as with libpq, and a certificate of our own is shown."""
    cert, key = map(str, write_certificate(tmp_path))
    context = tls_of({"sslmode": "require", "sslrootcert": cert, "sslcert": cert, "sslkey": key})

    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("postgresql://db/x?sslmode=always", "one of disable, prefer"),
        ("postgresql://db/x?sslmod=require", "'sslmod'"),
        ("postgresql://db/x?sslmode=verify-full&sslrootcert=/nowhere.pem", "No such file"),
        ("postgresql://db/x?sslrootcert=/nowhere.pem", "sslmode=verify-full"),
        ("not an address", "postgresql://user"),
    ],
)
def test_address_that_cannot_be_meant_is_a_fault(url: str, text: str) -> None:
    """A misspelt TLS option must not end in a connection without TLS."""
    with pytest.raises(ConfigError, match=text):
        make_postgres(url, SETTINGS)
