from __future__ import annotations

import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import scramp
from pg8000.dbapi import Connection, DatabaseError, IntegrityError, InterfaceError

from holdfast.auth import postgres_driver
from holdfast.auth.postgres_driver import PostgresConnection, connect


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """Return who makes a connection over a stream of the test's, or one that fails with an error of the test's."""

    def connection(stream: Any) -> Any:
        def begin(self: Any, **_: object) -> None:
            if isinstance(stream, Exception):
                raise stream
            self._sock, self._usock, self._client_encoding = stream, io.BytesIO(), "utf8"

        monkeypatch.setattr(Connection, "__init__", begin)
        monkeypatch.setattr(Connection, "__del__", lambda _: None, raising=False)
        plain = io.BytesIO()
        monkeypatch.setattr(postgres_driver, "_open", lambda _: plain)
        try:
            return connect({})
        finally:
            # The driver's connection has it; one that could not be made leaves none behind.
            assert plain.closed == isinstance(stream, Exception)

    return connection


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("cut"),
        UnicodeDecodeError("utf8", b"", 0, 1, "x"),
        KeyError(b"x"),
        scramp.ScramException("no"),
    ],
)
def test_connect_fails_with_the_drivers_error(make: Callable[[Any], Any], error: Exception) -> None:
    """So that SQLAlchemy makes one of its own of it."""
    with pytest.raises(InterfaceError, match="network error"):
        make(error)


def test_read_that_times_out_says_that_the_connection_is_gone(make: Callable[[Any], Any]) -> None:
    """A pool must not give it to anybody else, who would get the answer of this one."""

    class Stalled(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise TimeoutError("timed out")

    with pytest.raises(InterfaceError, match="network error: timed out"):
        make(Stalled())._sock.read(5)
    assert make(io.BytesIO(b"word"))._sock.read(4) == b"word"


@pytest.mark.parametrize(("code", "kind"), [(b"23505", IntegrityError), (b"42601", DatabaseError)])
def test_answer_of_the_server_becomes_an_error(make: Callable[[Any], Any], code: bytes, kind: type) -> None:
    """With its message and code, and without the values in its detail."""
    context = SimpleNamespace(error=None)
    data = b"SERROR\0C" + code + b"\0Mthat went wrong\0DKey (id)=(alice) exists\0\0"
    connection = make(io.BytesIO())
    assert isinstance(connection, PostgresConnection)
    connection.handle_ERROR_RESPONSE(data, context)

    assert type(context.error) is kind
    assert str(context.error) == f"that went wrong ({code.decode()})"


def test_close_lets_go_of_a_dead_socket(make: Callable[[Any], Any]) -> None:
    """What could not be written must not keep it open; a second close is the driver's error."""

    class Dead(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError("gone")

    connection = make(Dead())
    wire = connection._sock
    with pytest.raises(InterfaceError, match="network error"):
        connection.close()
    with pytest.raises(InterfaceError, match="closed"):
        connection.close()

    assert wire._stream.closed
