"""The way to a PostgreSQL with the users: what its address says, TLS above all, and errors of one kind."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from holdfast.errors import ConfigError
from holdfast.settings_auth import AuthSettings

# What libpq calls them, so that an address that `psql` takes is taken here.
TLS_MODES: Final = ("disable", "prefer", "require", "verify-ca", "verify-full")
OPTIONS: Final = ("application_name", "host", "sslcert", "sslkey", "sslmode", "sslrootcert")
_PORT: Final = 5432
# The server's own limit comes first, and says more.
_GRACE_SECONDS: Final = 0.5


def make_postgres(url: str, settings: AuthSettings) -> Engine:
    """Return an engine for the database of an address, which nothing has asked yet.

    Raises:
        ConfigError: the address cannot be used, a file that it names cannot be read, or the driver is not installed.
    """
    try:
        # Without a driver in it, SQLAlchemy would take another one than the extra brings.
        parsed = make_url(url).set(drivername="postgresql+pg8000")
    except ArgumentError:
        raise _fault("expected postgresql://user:password@host/name, got another text") from None
    arguments = _arguments(parsed, settings.database_timeout)
    try:
        from holdfast.auth.postgres_driver import connect

        return create_engine(
            parsed.set(query={}),
            creator=partial(connect, arguments),
            pool_size=settings.pool_size,
            max_overflow=0,
            pool_timeout=settings.database_timeout,
            pool_pre_ping=True,
            hide_parameters=True,
        )
    except ModuleNotFoundError:
        raise _fault("expected the driver for PostgreSQL, found none; pip install 'holdfast[postgres]'") from None


def tls_of(options: Mapping[str, str]) -> ssl.SSLContext | bool | None:
    """Return what the driver takes for TLS: False for none, None for where the server has it, else the rules.

    Raises:
        ConfigError: another mode, or a file that cannot be read.
    """
    mode = options.get("sslmode", "prefer")
    if mode not in TLS_MODES:
        raise _fault(f"expected sslmode to be one of {', '.join(TLS_MODES)}, got {mode[:40]!r}")
    root = options.get("sslrootcert")
    if mode == "disable":
        return False
    if mode == "prefer":
        if options.keys() & {"sslrootcert", "sslcert", "sslkey"}:
            raise _fault("expected sslmode=verify-full beside a certificate: `prefer` would go without TLS as well")
        return None
    try:
        context = ssl.create_default_context(cafile=root)
        if "sslcert" in options:
            context.load_cert_chain(options["sslcert"], options.get("sslkey"))
    except OSError as error:  # of TLS too
        raise _fault(f"expected certificates in PEM: {error.strerror or error}") from None
    context.check_hostname = mode == "verify-full"
    if mode == "require" and root is None:
        context.verify_mode = ssl.CERT_NONE
    return context


def _arguments(url: URL, timeout: float) -> dict[str, Any]:
    options = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    if unknown := sorted(options.keys() - set(OPTIONS)):
        raise _fault(f"expected the options {', '.join(OPTIONS)}, got {unknown[0][:40]!r}")
    host = options.get("host") or url.host or "localhost"
    limit = int(timeout * 1000)
    return {
        "user": url.username or "holdfast",
        "password": url.password or "",
        "database": url.database,
        "application_name": options.get("application_name", "holdfast"),
        "host": host,
        "port": url.port or _PORT,
        "ssl_context": False if host.startswith("/") else tls_of(options),
        # Of each wait for the server: a peer that is gone without a word must not hold a thread for minutes.
        "timeout": timeout + _GRACE_SECONDS,
        "startup_params": {"options": f"-c statement_timeout={limit} -c lock_timeout={limit}"},
    }


def _fault(text: str) -> ConfigError:
    return ConfigError([f"auth.users_url: {text}"])
