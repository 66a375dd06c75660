from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.connections import dispatch
from holdfast.errors import GatewayError, TokenError
from tests.live import World


def replace_handler(monkeypatch: pytest.MonkeyPatch, method: str, handler: dispatch.Handler) -> None:
    """Answer a method by a handler of the test's."""
    table = tuple((name, handler if name == method else known) for name, known in dispatch.HANDLERS)
    monkeypatch.setattr(dispatch, "HANDLERS", table)


async def test_answer_keeps_order_while_a_command_waits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that come while one waits for an answer are answered after it, in order."""
    gate = asyncio.Event()
    client = world.connect()
    client.received()

    async def slow(connection: Any, command_id: int, request: Any) -> None:
        await gate.wait()
        raise GatewayError("not_available")

    replace_handler(monkeypatch, "rpc", slow)
    client.send({"id": 2, "rpc": {}})
    client.send({"id": 3, "ping": {}})
    client.send({"id": 4, "ping": {}})
    await world.turn()
    assert client.received() == []
    gate.set()
    await world.turn()

    assert [one["id"] for one in client.received()] == [2, 3, 4]
    assert client.connection.task is None


async def test_answer_drops_what_came_behind_a_refused_connect(world: World) -> None:
    """SDKs send their subscriptions with connect; after error 109 they are neither answered nor a fault."""
    client = world.open()
    client.send({"id": 1, "connect": {"token": world.token(exp=1)}}, {"id": 2, "subscribe": {"channel": "a"}})

    assert client.received() == [{"id": 1, "error": {"code": 109, "message": "token_expired"}}]
    assert client.transport.closed is None


async def test_answer_survives_a_bug(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that fails in an unforeseen way gives a temporary internal error, and the session goes on."""

    async def broken(connection: Any, command_id: int, request: Any) -> None:
        raise ZeroDivisionError

    client = world.connect()
    replace_handler(monkeypatch, "rpc", broken)

    assert client.call("rpc")["error"] == {"code": 100, "message": "internal_error", "temporary": True}
    assert "error" not in client.call("ping")


@pytest.mark.parametrize("method", ["refresh", "sub_refresh"])
async def test_refusal_of_a_refresh_asks_to_try_again(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    """SDKs stop for ever on a plain 109 in a refresh, so it is marked temporary there and only there."""

    async def expired(connection: Any, command_id: int, request: Any) -> None:
        raise TokenError("token_expired")

    client = world.connect()
    replace_handler(monkeypatch, method, expired)
    replace_handler(monkeypatch, "subscribe", expired)

    assert client.call(method)["error"] == {"code": 109, "message": "token_expired", "temporary": True}
    assert client.call("subscribe")["error"] == {"code": 109, "message": "token_expired"}


async def test_every_command_is_counted_by_method(world: World) -> None:
    """Unknown commands are not counted under names that clients choose."""
    client = world.connect()
    client.call("ping")
    client.send(b'{"id":7,"dance":{}}')

    assert dict(world.core.stats.commands) == {"connect": 1, "ping": 1}


async def test_answer_drops_later_frames_behind_a_refused_connect(world: World) -> None:
    """What an SDK sent before it read the refusal is no fault either, nor is a pong; another connect may follow."""
    client = world.open()
    client.call("connect", token=world.token(exp=1))
    client.send({"id": 7, "subscribe": {"channel": "a"}})
    client.send(b"{}")
    assert client.received() == []
    assert client.transport.closed is None
    reply = client.call("connect", token=world.token())

    assert "connect" in reply
    assert "subscribe" in client.call("subscribe", channel="a")


async def test_end_behind_a_refused_connect_has_its_cause(world: World) -> None:
    """A client that goes away because its connect was refused is counted under the refusal."""
    client = world.open()
    client.call("connect", token=world.token(exp=1))
    client.hang_up(1000)

    assert dict(world.core.stats.closes) == {"token_expired": 1}


async def test_answer_stops_at_the_end_of_the_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that leaves while its command waits gets nothing more done, and leaves no task."""
    gate = asyncio.Event()

    async def slow(connection: Any, command_id: int, request: Any) -> None:
        await gate.wait()

    replace_handler(monkeypatch, "rpc", slow)
    client = world.connect()
    client.send({"id": 2, "rpc": {}}, {"id": 3, "publish": {"channel": "a", "data": 1}})
    client.hang_up()
    gate.set()
    await world.turn()

    assert client.connection.task is None
    assert "publish" not in world.core.stats.commands
