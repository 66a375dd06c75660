from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import NoScriptError

from holdfast.broker import redis_wire
from holdfast.broker.redis_wire import Server, Wire
from holdfast.errors import BrokerError

SERVER = Server("7.0.0", b"run", True)


class FakeConnection:
    """Remembers what was written and answers what it is told."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.replies: asyncio.Queue[Any] = asyncio.Queue()
        self.is_open = True

    async def send_packed_command(self, chunks: list[bytes], check_health: bool) -> None:
        """Remember."""
        self.written += chunks

    async def read_response(self, disconnect_on_error: bool) -> Any:
        """Answer."""
        reply = await self.replies.get()
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def disconnect(self, nowait: bool) -> None:
        """Close."""
        self.is_open = False


@pytest.fixture
async def connection() -> FakeConnection:
    """Return a connection."""
    return FakeConnection()


async def test_calls_of_one_turn_leave_in_one_write(connection: FakeConnection):
    """A burst is a pipeline, answered in its order."""
    wire = Wire(connection, SERVER, 5)
    answers = [wire.call("GET", b"a"), wire.call("GET", 1)]
    connection.replies.put_nowait(b"1")
    connection.replies.put_nowait(b"2")

    assert await asyncio.gather(*answers) == [b"1", b"2"]
    assert connection.written == [b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*2\r\n$3\r\nGET\r\n$1\r\n1\r\n"]
    await wire.close()
    assert not connection.is_open


async def test_error_reply_concerns_its_command_alone(connection: FakeConnection):
    """The commands behind it are answered."""
    wire = Wire(connection, SERVER, 5)
    refused, fine = wire.call("EVALSHA"), wire.call("GET", "a")
    connection.replies.put_nowait(NoScriptError("no"))
    connection.replies.put_nowait(b"2")

    with pytest.raises(NoScriptError):
        await refused
    assert await fine == b"2"
    await wire.close()


async def test_lost_connection_tells_what_had_not_left(connection: FakeConnection):
    """A command that was written may have been done; one that was not is undone."""
    wire = Wire(connection, SERVER, 5)
    sent = wire.call("INCR", "a")
    await asyncio.sleep(0.01)
    unsent = wire.call("INCR", "a")
    wire.drop(BrokerError("broker_unavailable", "gone"))

    failures = await asyncio.gather(sent, unsent, return_exceptions=True)
    assert [one.is_undone for one in failures if isinstance(one, BrokerError)] == [False, True]
    with pytest.raises(BrokerError) as refused:
        wire.call("INCR", "a")
    assert refused.value.is_undone
    await wire.close()


async def test_closed_by_the_server_fails_what_waits(connection: FakeConnection):
    """Nobody waits for ever, and the socket goes."""
    wire = Wire(connection, SERVER, 5)
    answer = wire.call("GET", "a")
    connection.replies.put_nowait(ConnectionResetError("reset"))

    with pytest.raises(BrokerError, match="broker_unavailable"):
        await answer
    await wire.close()
    assert not connection.is_open


async def test_silent_server_is_given_up(connection: FakeConnection, monkeypatch: pytest.MonkeyPatch):
    """After its timeout a command fails, and the connection with it, whose answers would be taken for others."""
    monkeypatch.setattr(redis_wire, "GRACE_SECONDS", 0.001)
    wire = Wire(connection, SERVER, 0.001)

    with pytest.raises(BrokerError, match="broker_timeout"):
        await wire.call("GET", "a")
    assert wire.failure is not None
    await wire.close()


async def test_too_many_without_an_answer_are_refused(connection: FakeConnection, monkeypatch: pytest.MonkeyPatch):
    """Memory has a bound, whatever Redis does."""
    monkeypatch.setattr(redis_wire, "MOST_WAITING", 1)
    wire = Wire(connection, SERVER, 5)
    wire.call("GET", "a")

    with pytest.raises(BrokerError, match="broker_timeout"):
        wire.call("GET", "a")
    await wire.close()
