"""What connections ask the user's backend, and what becomes of its answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from msgspec import Raw

from holdfast.connections.control import Target
from holdfast.connections.subscription import Grant
from tests.live import EVERYTHING, Client, World

Make = Callable[..., Awaitable[World]]
URL = "http://backend"
CONNECT = {"enabled": True, "endpoint": f"{URL}/connect"}


class Backend:
    """A backend whose answers by path the test sets; it remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {f"/{path}": answer for path, answer in answers.items()}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a call."""
        self.requests.append(request)
        answer = self.answers[request.url.path]
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    @property
    def asked(self) -> Any:
        """Return the body of the last call."""
        return json.loads(self.requests[-1].content)


def result(**fields: Any) -> dict[str, Any]:
    """Return an answer."""
    return {"result": fields}


def client_settings(**connect: Any) -> dict[str, Any]:
    """Return settings whose connects are proxied."""
    return {"proxy": {"connect": {**CONNECT, **connect}}}


def channel_settings(**options: Any) -> dict[str, Any]:
    """Return settings whose channels ask the backend."""
    kinds = {kind: {"endpoint": f"{URL}/{kind}", **options} for kind in ("subscribe", "publish", "sub_refresh")}
    enabled = {"subscribe_proxy_enabled": True, "publish_proxy_enabled": True, "allow_user_limited_channels": True}
    return {"proxy": kinds, "without_namespace": {**EVERYTHING, **enabled}}


async def opened(world: World, brought: list[tuple[bytes, bytes]] | None = None, **request: Any) -> tuple[Client, Any]:
    """Open a session without a token, and return the reply."""
    client = world.open()
    assert client.connection.handshake is not None
    client.connection.handshake.headers += brought or []
    return client, await client.ask("connect", **request)


async def test_connect_asks_with_what_is_known(make_world: Make) -> None:
    """Client, transport, protocol, encoding, name, version, data and wanted channels."""
    backend = Backend(connect=result(user="anna"))
    world = await make_world(backend=backend, client=client_settings())
    client, reply = await opened(world, data={"a": 1}, name="js", version="1.2", subs={"news": {}})

    assert reply["connect"]["client"] == client.connection.client
    assert client.connection.user == "anna"
    assert backend.asked == {
        "client": client.connection.client,
        "transport": "fake",
        "protocol": "json",
        "encoding": "json",
        "data": {"a": 1},
        "name": "js",
        "version": "1.2",
        "channels": ["news"],
    }


async def test_connect_takes_everything_from_the_answer(make_world: Make) -> None:
    """User, info, data, channels and subscriptions with their options."""
    answer = result(
        user="anna",
        expire_at=1_700_000_100,
        b64info=base64.b64encode(b'{"name":"Anna"}').decode(),
        data={"hello": 1},
        channels=["one"],
        subs={"two": {"info": {"i": 2}, "data": {"d": 2}, "override": {"presence": {"value": False}}}, "three": None},
    )
    world = await make_world(backend=Backend(connect=answer), client=client_settings())
    client, reply = await opened(world)

    assert reply["connect"]["data"] == {"hello": 1}
    assert (reply["connect"]["expires"], reply["connect"]["ttl"]) == (True, 100)
    assert sorted(reply["connect"]["subs"]) == ["one", "three", "two"]
    assert reply["connect"]["subs"]["two"]["data"] == {"d": 2}
    assert bytes(client.connection.info) == b'{"name":"Anna"}'
    assert not client.connection.is_present_in("two")
    assert client.connection.is_present_in("one")


async def test_server_side_subscription_ends_when_the_backend_says(make_world: Make) -> None:
    """It is not for ever only because it came with the connect."""
    answer = result(user="anna", subs={"one": {"expire_at": 1_700_000_100}})
    world = await make_world(backend=Backend(connect=answer), client=client_settings())
    client, _ = await opened(world)

    assert client.connection.subs["one"].expire_at == 1_700_000_100
    assert len(world.core.expiry) == 1


async def test_connect_with_a_token_does_not_ask(make_world: Make) -> None:
    """As in Centrifugo."""
    backend = Backend()
    world = await make_world(backend=backend, client=client_settings())
    world.connect("bert")

    assert backend.requests == []


async def test_connect_without_a_user_is_anonymous(make_world: Make) -> None:
    """The backend says who may come; the settings of tokens do not matter."""
    settings = {**client_settings(), "disallow_anonymous_connection_tokens": True}
    world = await make_world(backend=Backend(connect=result()), client=settings)
    client, reply = await opened(world)

    assert "connect" in reply
    assert client.connection.user == ""


async def test_authorization_for_the_backend_is_no_token(make_world: Make) -> None:
    """Where the proxy forwards it, it is the backend's; else it is a connection token."""
    backend = Backend(connect=result(user="anna"))
    bearer = [(b"authorization", b"Bearer session-of-anna")]
    forwarding = await make_world(backend=backend, client=client_settings(http_headers=["Authorization"]))
    plain = await make_world(backend=Backend(), client=client_settings())
    _, reply = await opened(forwarding, bearer)
    client = plain.open()
    assert client.connection.handshake is not None
    client.connection.handshake.headers += bearer
    client.send({"id": 1, "connect": {}})

    assert "connect" in reply
    assert backend.requests[0].headers["authorization"] == "Bearer session-of-anna"
    assert client.transport.closed == (3500, "token_malformed")


@pytest.mark.parametrize(
    ("client", "later", "shown"),
    [
        (client_settings(http_headers=["X-User"]), [], {b"x-user"}),
        (client_settings(), ["X-Role"], {b"x-role"}),
        (client_settings(http_headers=["X-User"]), ["X-Role"], {b"x-user", b"x-role"}),
        ({}, ["X-Role"], {b"x-role"}),
    ],
)
async def test_headers_that_reach_the_backend_are_known(
    make_world: Make, client: Any, later: list[str], shown: set[bytes]
) -> None:
    """Whoever has to tell clients apart can ask what the backend may know them by, at connect or later."""
    proxy = {"endpoint": f"{URL}/rpc", "http_headers": later}
    world = await make_world(backend=Backend(), client=client, rpc={**RPC, "proxy": proxy})
    known = world.core.backend

    assert known is not None
    assert {name for name in (b"x-user", b"x-role", b"cookie") if known.is_shown(name)} == shown


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error": {"code": 1000, "message": "later", "temporary": True}}, (1000, "later", True)),
        ({"error": {"code": 403, "message": "no"}}, (403, "no", False)),
        ({"error": {"code": 1950}}, (100, "proxy_bad_number", True)),
        ({}, (100, "proxy_bad_reply", True)),
        (result(expire_at=1_600_000_000), (100, "proxy_bad_reply", True)),
        (result(b64info="*"), (100, "proxy_bad_reply", True)),
        (result(channels=["who:knows"]), (102, "unknown_channel", False)),
        (httpx.Response(500), (100, "proxy_bad_status", True)),
    ],
)
async def test_refused_connect_may_be_repeated(make_world: Make, answer: Any, error: tuple[Any, ...]) -> None:
    """The client is told by an error reply; the connection stays open for its next try."""
    backend = Backend(connect=answer)
    world = await make_world(backend=backend, client=client_settings())
    client, reply = await opened(world)
    backend.answers["/connect"] = result(user="anna")

    assert (reply["error"]["code"], reply["error"]["message"], reply["error"].get("temporary", False)) == error
    assert client.transport.closed is None
    assert "connect" in await client.ask("connect")


async def test_disconnect_of_the_backend_closes(make_world: Make) -> None:
    """With its number and reason, as `application`."""
    answer = {"disconnect": {"code": 4501, "reason": "unauthorized"}}
    world = await make_world(backend=Backend(connect=answer), client=client_settings())
    client = world.open()
    client.send({"id": 1, "connect": {}})
    await world.turn()

    assert client.transport.closed == (4501, "unauthorized")
    assert client.connection.ending == "application"


async def test_user_limit_holds_for_proxied_connects(make_world: Make) -> None:
    """Whoever says who they are."""
    world = await make_world(
        backend=Backend(connect=result(user="anna")), client={**client_settings(), "user_connection_limit": 1}
    )
    await opened(world)
    second = world.open()
    second.send({"id": 1, "connect": {}})
    await world.turn()

    assert second.transport.closed == (3504, "connection_limit")


async def test_connection_that_ended_meanwhile_leaves_nothing(make_world: Make) -> None:
    """The answer comes to nobody."""
    world = await make_world(backend=Backend(connect=result(user="anna", channels=["one"])), client=client_settings())
    client = world.open()
    client.send({"id": 1, "connect": {}})
    client.hang_up()
    await world.turn()

    assert world.manager.everybody() == []
    assert world.hub.count("one") == 0


async def test_subscribe_is_admitted_by_the_backend(make_world: Make) -> None:
    """Its terms hold."""
    answer = result(info={"i": 1}, data={"d": 1}, expire_at=1_700_000_060, override={"join_leave": {"value": False}})
    backend = Backend(subscribe=answer)
    world = await make_world(backend=backend, channel=channel_settings())
    client = world.connect()
    reply = await client.ask("subscribe", channel="news", data={"why": 1})

    assert reply["subscribe"]["data"] == {"d": 1}
    assert (reply["subscribe"]["expires"], reply["subscribe"]["ttl"]) == (True, 60)
    assert bytes(client.connection.subs["news"].info) == b'{"i":1}'
    assert {name: backend.asked[name] for name in ("user", "channel", "data")} == {
        "user": "anna",
        "channel": "news",
        "data": {"why": 1},
    }


async def test_subscribe_with_token_private_or_limited_does_not_ask(make_world: Make) -> None:
    """These have an access control of their own."""
    backend = Backend()
    world = await make_world(backend=backend, channel=channel_settings())
    client = world.connect()
    token = world.token(channel="$secret")

    assert "subscribe" in client.call("subscribe", channel="$secret", token=token)
    assert client.call("subscribe", channel="$other")["error"]["code"] == 103
    assert "subscribe" in client.call("subscribe", channel="chat#anna")
    assert client.call("subscribe", channel="chat#bert")["error"]["code"] == 103
    assert backend.requests == []


async def test_subscribe_that_the_backend_refuses(make_world: Make) -> None:
    """An error of its own leaves the connection as it was; a disconnect ends it."""
    backend = Backend(subscribe={"error": {"code": 403, "message": "not yours"}})
    world = await make_world(backend=backend, channel=channel_settings())
    client = world.connect()
    reply = await client.ask("subscribe", channel="news")
    backend.answers["/subscribe"] = {"disconnect": {"code": 4500}}
    client.send({"id": 9, "subscribe": {"channel": "news"}})
    await world.turn()

    assert reply["error"] == {"code": 403, "message": "not yours"}
    assert client.transport.closed == (4500, "application")
    assert world.hub.count("news") == 0


async def test_subscribe_rechecks_after_the_answer(make_world: Make) -> None:
    """The server may have subscribed the client meanwhile, or the client be gone."""
    backend = Backend(subscribe=result())
    world = await make_world(backend=backend, channel=channel_settings())
    client, gone = world.connect(), world.connect()
    client.send({"id": 9, "subscribe": {"channel": "news"}})
    gone.send({"id": 9, "subscribe": {"channel": "news"}})
    gone.hang_up()
    await world.control.subscribe(Target("anna", client.connection.client), "news", Grant(server_side=True))
    await world.turn()

    assert any(one.get("error", {}).get("code") == 105 for one in client.received())
    assert world.hub.count("news") == 1


async def test_publish_is_replaced_by_the_backend(make_world: Make) -> None:
    """Data and history as it says; without data the client's own."""
    backend = Backend(publish=result(data={"text": "clean"}, skip_history=True))
    world = await make_world(backend=backend, channel=channel_settings())
    client = world.connect()
    first = await client.ask("publish", channel="news", data={"text": "dirty"})
    asked = backend.asked
    backend.answers["/publish"] = result()
    await client.ask("publish", channel="news", data={"text": "fine"})
    history = client.call("history", channel="news", limit=10)["history"]["publications"]

    assert "publish" in first
    assert (asked["user"], asked["channel"], asked["data"]) == ("anna", "news", {"text": "dirty"})
    assert [one["data"] for one in history] == [{"text": "fine"}]
    assert history[0]["info"]["user"] == "anna"


async def test_publish_has_the_terms_of_the_backend(make_world: Make) -> None:
    """Tags go along, and one with a key is made once."""
    backend = Backend(publish=result(tags={"by": "backend"}, idempotency_key="one"))
    world = await make_world(backend=backend, channel=channel_settings())
    client = world.connect()
    for _ in range(2):
        await client.ask("publish", channel="news", data=1)
    history = client.call("history", channel="news", limit=10)["history"]["publications"]

    assert [one["tags"] for one in history] == [{"by": "backend"}]


async def test_publish_that_the_backend_refuses_is_not_made(make_world: Make) -> None:
    """Neither by its error nor by its failure."""
    backend = Backend(publish={"error": {"code": 1000, "message": "no"}})
    world = await make_world(backend=backend, channel=channel_settings())
    client = world.connect()
    refused = await client.ask("publish", channel="news", data=1)
    backend.answers["/publish"] = httpx.Response(200, content=b"garbage")
    failed = await client.ask("publish", channel="news", data=1)

    assert refused["error"]["code"] == 1000
    assert failed["error"] == {"code": 100, "message": "proxy_bad_reply", "temporary": True}
    assert client.call("history", channel="news", limit=10)["history"].get("publications", []) == []


RPC = {
    "proxy": {"endpoint": f"{URL}/rpc"},
    "without_namespace": {"proxy_enabled": True},
    "namespaces": ({"name": "off"},),
}


async def test_rpc_is_answered_by_the_backend(make_world: Make) -> None:
    """Any JSON comes back, null too."""
    backend = Backend(rpc=result(data={"price": 5}))
    world = await make_world(backend=backend, rpc=RPC)
    client = world.connect()
    reply = await client.ask("rpc", method="price", data={"id": 1})
    asked = backend.asked
    backend.answers["/rpc"] = result(data=None)

    assert reply["rpc"] == {"data": {"price": 5}}
    assert (asked["method"], asked["user"], asked["data"]) == ("price", "anna", {"id": 1})
    assert (await client.ask("rpc", method=""))["rpc"] == {"data": None}


async def test_rpc_of_other_namespaces_is_refused(make_world: Make) -> None:
    """Unknown ones are not found, switched-off ones not available; send stays refused."""
    world = await make_world(backend=Backend(), rpc=RPC)
    client = world.connect()

    assert client.call("rpc", method="who:x")["error"]["code"] == 104
    assert client.call("rpc", method="off:x")["error"]["code"] == 108
    client.send({"send": {"data": 1}})
    assert client.transport.closed == (3508, "not_available_close")


async def test_call_without_a_connection_is_the_apis(make_world: Make) -> None:
    """It has no client and no user, and says where it comes from."""
    backend = Backend(rpc=result(data=1))
    world = await make_world(backend=backend, rpc=RPC)
    assert world.core.backend is not None
    assert bytes(await world.core.backend.rpc(None, "price", Raw(b"2"))) == b"1"
    assert backend.asked == {
        "client": "",
        "transport": "api",
        "protocol": "json",
        "encoding": "json",
        "user": "",
        "method": "price",
        "data": 2,
    }


async def test_binary_encoding_sends_base64(make_world: Make) -> None:
    """And takes it back."""
    answer = result(b64data=base64.b64encode(b'{"b": 2}').decode())
    backend = Backend(rpc=answer)
    world = await make_world(backend=backend, rpc={**RPC, "proxy": {"endpoint": f"{URL}/rpc", "binary_encoding": True}})
    reply = await world.connect().ask("rpc", method="m", data={"a": 1})

    assert backend.asked["encoding"] == "binary"
    assert json.loads(base64.b64decode(backend.asked["b64data"])) == {"a": 1}
    assert "data" not in backend.asked
    assert reply["rpc"] == {"data": {"b": 2}}


async def test_headers_and_meta_serve_later_calls(make_world: Make) -> None:
    """What the handshake brought and connect said is remembered until the end, and only then forgotten."""
    later = {"endpoint": f"{URL}/rpc", "http_headers": ["Cookie"], "emulated_headers": ["X-App"]}
    backend = Backend(connect=result(user="anna", meta={"m": 1}), rpc=result())
    world = await make_world(
        backend=backend,
        client=client_settings(),
        rpc={**RPC, "proxy": {**later, "include_connection_meta": True}},
    )
    client, _ = await opened(
        world, [(b"cookie", b"c=1"), (b"origin", b"x")], headers={"X-App": "7", "Cookie": "forged"}
    )
    await client.ask("rpc", method="m")
    request = backend.requests[-1]

    assert (request.headers["cookie"], request.headers["x-app"]) == ("c=1", "7")
    assert "origin" not in request.headers
    assert backend.asked["meta"] == {"m": 1}
    assert world.core.backend is not None
    assert len(world.core.backend) == 1
    client.hang_up()
    assert len(world.core.backend) == 0


async def test_meta_of_a_token_serves_later_calls(make_world: Make) -> None:
    """A fresh token's replaces it."""
    backend = Backend(rpc=result())
    proxy = {"endpoint": f"{URL}/rpc", "include_connection_meta": True}
    world = await make_world(backend=backend, rpc={**RPC, "proxy": proxy})
    client = world.connect("anna", meta={"m": 1})
    await client.ask("rpc", method="m")
    first = backend.asked["meta"]
    client.call("refresh", token=world.token("anna", meta={"m": 2}))
    await client.ask("rpc", method="m")

    assert (first, backend.asked["meta"]) == ({"m": 1}, {"m": 2})


async def test_nothing_is_remembered_that_no_proxy_needs(make_world: Make) -> None:
    """Connections cost what they cost before."""
    world = await make_world(backend=Backend(connect=result(user="anna", meta={"m": 1})), client=client_settings())
    await opened(world, [(b"cookie", b"c=1")])

    assert world.core.backend is not None
    assert len(world.core.backend) == 0
