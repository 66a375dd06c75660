"""pg8000 as SQLAlchemy needs it: each failure is one of the driver's own errors, by which a pool knows what is gone.

Imported only where PostgreSQL is configured; pyproject.toml pins pg8000 to a minor version for what is replaced here.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from typing import Any, BinaryIO

import scramp
from pg8000.dbapi import Connection, DatabaseError, IntegrityError, InterfaceError

# SQLSTATE class 23: integrity constraint violation (PostgreSQL, appendix A).
_INTEGRITY = "23"
# What SQLAlchemy's dialect looks for.
_GONE = "network error"


def connect(arguments: Mapping[str, Any]) -> Any:
    """Open a connection; a `host` that begins with a slash is the folder of a Unix socket.

    Raises:
        InterfaceError: it could not be opened, whatever it was.
        DatabaseError: the server refused it.
    """
    plain: socket.socket | None = None
    try:
        plain = _open(arguments)
        return PostgresConnection(sock=plain, **arguments)
    except (OSError, ValueError, ArithmeticError, LookupError, AttributeError, scramp.ScramException) as error:
        # TLS that was refused, an end in the middle of it, no password, a server that is no PostgreSQL.
        if plain is not None:
            plain.close()
        raise InterfaceError(f"{_GONE}: {error or type(error).__name__}") from error


def _open(arguments: Mapping[str, Any]) -> socket.socket:
    """Open the socket: ours, for the driver leaves it open where the server does not say a word."""
    host, timeout = arguments["host"], arguments["timeout"]
    if not host.startswith("/"):
        return socket.create_connection((host, arguments["port"]), timeout)
    plain = socket.socket(socket.AF_UNIX)
    try:
        plain.settimeout(timeout)
        plain.connect(f"{host}/.s.PGSQL.{arguments['port']}")
    except OSError:
        plain.close()
        raise
    return plain


class PostgresConnection(Connection):  # type: ignore[misc]  # pg8000 has no types
    """A connection whose errors tell what they are, and have nothing of what was written in them."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        stream: Any = self._sock
        self._sock: Any = _Wire(stream)

    def close(self) -> None:
        """End it; a socket goes at once, also where the server is no longer there to be told."""
        stream = self._sock
        try:
            super().close()
        finally:
            if stream is not None:
                stream.close()

    def handle_ERROR_RESPONSE(self, data: bytes, context: Any) -> None:
        """Make an error of the server's answer; its detail, which has values of rows, stays out."""
        super().handle_ERROR_RESPONSE(data, context)
        said = context.error.args[0]
        kind = IntegrityError if said.get("C", "").startswith(_INTEGRITY) else DatabaseError
        context.error = kind(f"{said.get('M', 'no message')} ({said.get('C', 'no code')})")


class _Wire:
    """The stream of a connection; a read that fails says so as the driver's own failing writes do."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.write = stream.write
        self.flush = stream.flush

    def read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except OSError as error:
            raise InterfaceError(f"{_GONE}: {error}") from error

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what was still to be written
            self._stream.close()
