"""Sessions and subscriptions are prolonged by the user's backend, and a backend that fails ends nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from holdfast.connections.control import Target
from tests.live import EVERYTHING, Client, World

Make = Callable[..., Awaitable[World]]
URL = "http://backend"
NOW = 1_700_000_000


class Backend:
    """A backend that says what the test wants, and counts."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.bodies: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a call."""
        self.bodies.append(request.content)
        return self.answer if isinstance(self.answer, httpx.Response) else httpx.Response(200, json=self.answer)


async def session(make_world: Make, answer: Any) -> tuple[World, Client, Backend]:
    """Return a session that ends in a minute."""
    backend = Backend(answer)
    proxy = {"refresh": {"enabled": True, "endpoint": f"{URL}/refresh"}}
    world = await make_world(backend=backend, client={"proxy": proxy})
    return world, world.connect("anna", exp=NOW + 60), backend


async def pass_time(world: World, seconds: float) -> None:
    """Let time pass, and calls be made."""
    world.clock.advance(seconds)
    world.core.expiry.advance()
    await world.turn()


async def test_session_is_not_the_clients_to_refresh(make_world: Make) -> None:
    """It is told of no end, and its refresh is refused."""
    world, client, _ = await session(make_world, {})
    reply = client.call("refresh", token=world.token())

    assert client.connection.expire_at == NOW + 60
    assert reply["error"]["code"] == 107
    client = world.open()
    assert "expires" not in client.call("connect", token=world.token())["connect"]


async def test_session_is_prolonged_at_its_end(make_world: Make) -> None:
    """Not before, without grace, with new info."""
    world, client, backend = await session(make_world, {"result": {"expire_at": NOW + 200, "info": {"n": 2}}})
    await pass_time(world, 59)
    assert backend.bodies == []
    await pass_time(world, 1.5)

    assert b'"user":"anna"' in backend.bodies[0]
    assert client.connection.expire_at == NOW + 200
    assert bytes(client.connection.info) == b'{"n":2}'
    await pass_time(world, 140)
    assert len(backend.bodies) == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"result": {"expired": True, "expire_at": NOW + 200}},
        {"result": {}},
        {"result": {"expire_at": NOW + 1}},
        {"error": {"code": 1000}},
        {"disconnect": {"code": 4500}},
    ],
)
async def test_session_ends_where_the_backend_says_so(make_world: Make, answer: Any) -> None:
    """As expired: Centrifugo hands on neither error nor disconnect here."""
    world, client, _ = await session(make_world, answer)
    await pass_time(world, 61)

    assert client.transport.closed == (3005, "connection_expired")


@pytest.mark.parametrize("answer", [httpx.Response(500), httpx.Response(200, content=b"garbage"), {}])
async def test_session_outlives_a_failing_backend(make_world: Make, answer: Any) -> None:
    """It is asked again after a minute."""
    world, client, backend = await session(make_world, answer)
    await pass_time(world, 61)

    assert client.transport.closed is None
    assert NOW + 120 <= client.connection.expire_at <= NOW + 131
    backend.answer = {"result": {"expire_at": NOW + 500}}
    await pass_time(world, 71)
    assert client.connection.expire_at == NOW + 500


async def test_session_outlives_a_fault_of_ours(make_world: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for again, instead of never."""
    world, client, _ = await session(make_world, {})
    assert world.core.backend is not None

    async def crash(connection: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(world.core.backend, "refresh", crash)
    await pass_time(world, 61)

    assert NOW + 120 <= client.connection.expire_at <= NOW + 131


async def test_session_prolonged_meanwhile_keeps_its_new_end(make_world: Make) -> None:
    """By the server API, or it ended."""
    world, client, _ = await session(make_world, {"result": {"expired": True}})
    other = world.connect("bert", exp=NOW + 60)
    world.clock.advance(61)
    world.core.expiry.advance()
    await world.control.refresh(Target("anna"), expire_at=NOW + 900)
    other.hang_up()
    await world.turn()

    assert client.transport.closed is None
    assert client.connection.expire_at == NOW + 900
    assert len(world.core.expiry) == 1


async def subscription(make_world: Make, answer: Any) -> tuple[World, Client, Backend]:
    """Return a subscription that ends in a minute."""
    backend = Backend(answer)
    options = {**EVERYTHING, "sub_refresh_proxy_enabled": True}
    channel = {"proxy": {"sub_refresh": {"endpoint": f"{URL}/sub_refresh"}}, "without_namespace": options}
    world = await make_world(backend=backend, channel=channel)
    client = world.connect("anna", exp=NOW + 10_000)
    token = world.token("anna", channel="news", exp=NOW + 60)
    reply = client.call("subscribe", channel="news", token=token)
    assert "expires" not in reply["subscribe"]
    return world, client, backend


async def test_subscription_is_prolonged_at_its_end(make_world: Make) -> None:
    """With new info; the client need not know, and may not do it."""
    world, client, backend = await subscription(make_world, {"result": {"expire_at": NOW + 200, "info": {"n": 2}}})
    await pass_time(world, 61)

    assert b'"channel":"news"' in backend.bodies[0]
    assert client.connection.subs["news"].expire_at == NOW + 200
    assert bytes(client.connection.subs["news"].info) == b'{"n":2}'
    assert client.call("sub_refresh", channel="news", token="x")["error"]["code"] == 107


async def test_subscription_without_a_new_end_lasts(make_world: Make) -> None:
    """As in Centrifugo, 0 is never."""
    world, client, backend = await subscription(make_world, {"result": {}})
    await pass_time(world, 61)
    await pass_time(world, 5000)

    assert client.connection.subs["news"].expire_at == 0
    assert len(backend.bodies) == 1


@pytest.mark.parametrize(
    "answer", [{"result": {"expired": True}}, {"result": {"expire_at": NOW}}, {"error": {"code": 1}}]
)
async def test_subscription_ends_where_the_backend_says_so(make_world: Make, answer: Any) -> None:
    """The client is told and stays."""
    world, client, _ = await subscription(make_world, answer)
    await pass_time(world, 61)

    assert [push["unsubscribe"]["code"] for push in await client.pushes() if "unsubscribe" in push] == [2501]
    assert client.transport.closed is None


async def test_subscription_outlives_a_failing_backend(make_world: Make) -> None:
    """It is asked again after a minute."""
    world, client, _ = await subscription(make_world, httpx.Response(500))
    await pass_time(world, 61)

    assert NOW + 120 <= client.connection.subs["news"].expire_at <= NOW + 131


async def test_subscription_ended_meanwhile_stays_ended(make_world: Make) -> None:
    """The answer comes to nobody, nor to another subscription to the channel."""
    world, client, _ = await subscription(make_world, {"result": {"expired": True}})
    world.clock.advance(61)
    world.core.expiry.advance()
    client.call("unsubscribe", channel="news")
    client.call("subscribe", channel="news")
    await world.turn()

    assert "news" in client.connection.subs
