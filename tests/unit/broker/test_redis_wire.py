from __future__ import annotations

import asyncio
from typing import Any

import pytest
from redis.exceptions import NoScriptError

from holdfast.broker import redis_wire
from holdfast.broker.redis_wire import Server, Wire
from holdfast.errors import BrokerError
from tests.brokers import LoopClock, turn_until

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
    await turn_until(lambda: connection.written)
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
    clock = LoopClock(monkeypatch)
    wire = Wire(connection, SERVER, 5)
    answer = wire.call("GET", "a")
    await clock.advance(5)
    assert not answer.done()  # it may have come, and be read in a moment
    await clock.advance(redis_wire.GRACE_SECONDS)

    with pytest.raises(BrokerError, match="broker_timeout"):
        answer.result()
    assert wire.failure is not None
    await wire.close()


async def test_too_many_without_an_answer_are_refused(connection: FakeConnection, monkeypatch: pytest.MonkeyPatch):
    """Memory has a bound, whatever Redis does."""
    monkeypatch.setattr(redis_wire, "MOST_WAITING", 1)
    wire = Wire(connection, SERVER, 5)
    wire.call("GET", "a")

    with pytest.raises(BrokerError, match="broker_timeout") as refused:
        wire.call("GET", "a")
    assert refused.value.is_undone
    await wire.close()


async def test_too_long_ones_without_an_answer_are_refused(connection: FakeConnection, monkeypatch: pytest.MonkeyPatch):
    """A few large messages are as much as many small ones; each answer, or the last of several, makes room."""
    monkeypatch.setattr(redis_wire, "MOST_WAITING_BYTES", 100)
    wire = Wire(connection, SERVER, 5)
    large = wire.call("SET", "a", b"x" * 99)
    with pytest.raises(BrokerError, match="broker_timeout") as refused:
        wire.call("GET", "a")
    assert refused.value.is_undone
    connection.replies.put_nowait(b"OK")
    await large
    several = wire.call_for_many("SUBSCRIBE", [b"a" * 60, b"b" * 60])
    connection.replies.put_nowait(b"1")
    await several[0]

    assert wire.is_full
    connection.replies.put_nowait(b"2")
    await several[1]
    assert not wire.is_full
    await wire.close()
