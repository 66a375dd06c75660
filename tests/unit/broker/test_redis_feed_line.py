from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest
from redis.exceptions import MovedError

from holdfast.broker import redis_feed_line, redis_wire
from holdfast.broker.redis_feed_line import FeedLine
from holdfast.errors import BrokerError
from tests.brokers import LoopClock, turn_until
from tests.unit.broker.test_redis_wire import SERVER, FakeConnection

Lost = list[tuple[Collection[bytes], BrokerError | None]]


@pytest.fixture
async def connection() -> FakeConnection:
    """Return a connection."""
    return FakeConnection()


def line_on(connection: FakeConnection, handlers: dict[bytes, Any], timeout: float = 5) -> tuple[FeedLine, Lost]:
    """Return a line and where it tells of losses."""
    line, lost = FeedLine(connection, SERVER, timeout, handlers), []
    line.on_lost = lambda channels, reason: lost.append((set(channels), reason))
    return line, lost


async def test_messages_go_to_their_handlers(connection: FakeConnection, monkeypatch: pytest.MonkeyPatch):
    """One whose handler fails costs no other; one without a handler is passed over."""
    monkeypatch.setattr(redis_feed_line, "IN_A_ROW", 1)
    seen: list[tuple[bytes, bytes]] = []

    def fail(channel: bytes, message: bytes) -> None:
        raise ValueError("a bug")

    line, _ = line_on(connection, {b"a": lambda *told: seen.append(told), b"bad": fail})
    subscribing = asyncio.ensure_future(line.subscribe([b"a", b"bad"]))
    await asyncio.sleep(0)
    for reply in (
        [b"subscribe", b"a", 1],
        [b"message", b"a", b"1"],
        [b"subscribe", b"bad", 2],
        [b"message", b"bad", b"2"],
        [b"message", b"other", b"3"],
        [b"smessage", b"a", b"4"],
    ):
        connection.replies.put_nowait(reply)
    await subscribing
    await turn_until(lambda: len(seen) == 2)

    assert seen == [(b"a", b"1"), (b"a", b"4")]
    assert line.channels == {b"a", b"bad"}
    assert connection.written == [b"*3\r\n$9\r\nSUBSCRIBE\r\n$1\r\na\r\n$3\r\nbad\r\n"]
    await line.close()


async def test_channel_that_is_not_wanted_any_more_is_left_with_its_next_message(connection: FakeConnection):
    """Who wanted it may have gone while the server was asked, and nobody else would ever leave it."""
    line, _ = line_on(connection, {})
    line.channels.add(b"a")
    for _ in range(2):
        connection.replies.put_nowait([b"message", b"a", b"1"])
    await turn_until(lambda: connection.written)

    assert connection.written == [b"*2\r\n$11\r\nUNSUBSCRIBE\r\n$1\r\na\r\n"]
    assert not line.channels
    await line.close()


async def test_full_connection_is_left_alone(connection: FakeConnection, monkeypatch: pytest.MonkeyPatch):
    """What waits for an answer already tells whether the server is there; a channel is left later."""
    monkeypatch.setattr(redis_wire, "MOST_WAITING", 1)
    line, _ = line_on(connection, {})
    line.channels.add(b"a")
    line.ping()
    line.ping()
    line.unsubscribe(b"a")

    assert line.is_full
    assert line.channels == {b"a"}
    await line.close()


async def test_sharded_channels_are_asked_for_one_by_one(connection: FakeConnection):
    """One that lives elsewhere is told by the error, and the others are listened to."""
    line, _ = line_on(connection, {})
    line.is_sharded = True
    subscribing = asyncio.ensure_future(line.subscribe([b"a", b"b"]))
    await asyncio.sleep(0)
    connection.replies.put_nowait(MovedError("1 host:2"))
    connection.replies.put_nowait([b"ssubscribe", b"b", 1])

    with pytest.raises(MovedError):
        await subscribing
    assert line.channels == {b"b"}
    await line.close()


async def test_slot_that_moved_is_told_of(connection: FakeConnection):
    """The server says so unasked; an answer that was asked for is none."""
    line, lost = line_on(connection, {})
    line.is_sharded = True
    line.channels |= {b"a", b"b"}
    line.unsubscribe(b"a")
    connection.replies.put_nowait([b"sunsubscribe", b"a", 1])
    connection.replies.put_nowait([b"sunsubscribe", b"b", 0])
    await turn_until(lambda: lost)

    assert lost == [({b"b"}, None)]
    await line.close()


async def test_lost_connection_tells_of_its_channels_once(connection: FakeConnection):
    """With the reason."""
    line, lost = line_on(connection, {})
    line.channels |= {b"a"}
    connection.replies.put_nowait(ConnectionResetError("reset"))
    await turn_until(lambda: lost)
    line.unsubscribe(b"a")
    line.ping()
    await line.close()

    ((channels, reason),) = lost
    assert channels == {b"a"}
    assert reason is not None
    assert reason.slug == "broker_unavailable"


async def test_silent_connection_is_given_up_but_not_one_that_talks(
    connection: FakeConnection, monkeypatch: pytest.MonkeyPatch
):
    """While messages come, the answer to a ping is only behind them."""
    clock = LoopClock(monkeypatch)
    line, lost = line_on(connection, {}, timeout=5)
    line.ping()
    await clock.advance(5)
    for _ in range(10):
        connection.replies.put_nowait([b"message", b"x", b"1"])
        await clock.advance(redis_wire.GRACE_SECONDS)
    connection.replies.put_nowait(b"PONG")
    await clock.advance(10)
    assert not lost

    line.ping()
    await clock.advance(5)
    await clock.advance(redis_wire.GRACE_SECONDS)
    assert lost
    assert line.failure is not None
    await line.close()
