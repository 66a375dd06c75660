from __future__ import annotations

import asyncio
from typing import Any

import jwt
import pytest
import structlog

from holdfast.connections.transport import Handshake
from tests.brokers import Clock
from tests.live import SECRET, Client, FakeTransport, World
from tests.unit.connections.conftest import MakeWorld


async def test_connect_answers_the_terms(world: World) -> None:
    """The reply has what SDKs need: client, version, ping, pong and the life of the token."""
    client = world.open()
    reply = client.call("connect", token=world.token())["connect"]

    assert len(reply.pop("client")) == 32
    assert reply.pop("version").startswith("Holdfast ")
    assert reply == {"expires": True, "ttl": 600, "ping": 25, "pong": True}


async def test_connect_with_an_endless_token_does_not_expire(world: World) -> None:
    """Without exp there is no `expires`."""
    client = world.open()
    token = jwt.encode({"sub": "anna"}, SECRET, "HS256")

    assert "expires" not in client.call("connect", token=token)["connect"]


async def test_connect_tells_our_own_client_more(world: World) -> None:
    """Who introduces itself gets the reconnect window, the instance and a log token; others do not."""
    client = world.open()
    world.core.issue_log_token = lambda attempt, client: f"{attempt}/{client}"
    attempt = client.connection.handshake.attempt_id = "ab" * 16
    reply = client.call("connect", token=world.token(), holdfast={"version": "1", "cid": "c", "unknown": 1})
    welcome = reply["connect"]["holdfast"]

    assert welcome.pop("log_token") == f"{attempt}/{client.connection.client}"
    assert welcome == {"reconnect_window_ms": 10000, "instance": "here"}


async def test_connect_brings_no_log_token_where_there_is_no_door(world: World) -> None:
    """Where browsers may hand in nothing."""
    reply = world.open().call("connect", token=world.token(), holdfast={})

    assert "log_token" not in reply["connect"]["holdfast"]


@pytest.mark.parametrize(
    ("request_fields", "closed"),
    [
        ({}, (3501, "token_missing")),
        ({"token": ""}, (3501, "token_empty")),
        ({"token": "null"}, (3501, "token_empty")),
        ({"token": "a.b"}, (3500, "token_malformed")),
    ],
)
async def test_connect_without_a_good_token_closes(
    world: World, request_fields: dict[str, Any], closed: tuple[int, str]
) -> None:
    """What no fresh token of the same kind would cure ends the connection."""
    client = world.open()
    client.send({"id": 1, "connect": request_fields})

    assert client.transport.closed == closed


async def test_connect_with_an_expired_token_is_an_error(world: World) -> None:
    """Error 109 makes SDKs fetch a token; the connection stays until its handshake deadline."""
    client = world.open()
    reply = client.call("connect", token=world.token(exp=1))

    assert reply["error"] == {"code": 109, "message": "token_expired"}
    assert client.transport.closed is None
    assert "connect" in client.call("connect", token=world.token())


async def test_connect_twice_closes(world: World) -> None:
    """A session is opened once."""
    client = world.connect()
    client.send({"id": 9, "connect": {"token": world.token()}})

    assert client.transport.closed == (3501, "already_connected")


async def test_connect_takes_the_token_of_the_handshake(world: World) -> None:
    """`Authorization`, URL and cookie are looked at where the connect command has no token."""
    transport = FakeTransport()
    headers = [(b"authorization", b"Bearer " + world.token("carol").encode())]
    handshake = Handshake("/connection/websocket", b"", headers, "127.0.0.1", "ws", "attempt")
    client = Client(world, transport, world.manager.open(transport, handshake))
    client.call("connect")

    assert client.connection.user == "carol"
    assert client.connection.handshake is None


@pytest.mark.parametrize(
    ("cookies", "settings", "detail"),
    [
        ([b"a=1", b"jwt=secret"], {}, "no token in any place; the cookie 'jwt' is not read: `token.cookie` is off"),
        ([b"a=1"], {}, "no token in any place"),
        ([], {}, "no token in any place"),
        (
            [b"jwt=secret"],
            {"token": {"hmac_secret": SECRET, "cookie": "other"}, "client": {"allowed_origins": ["https://a.example"]}},
            "no token in any place",
        ),
    ],
)
async def test_missing_token_may_be_in_a_cookie_that_is_not_read(
    make_world: MakeWorld, cookies: list[bytes], settings: dict[str, Any], detail: str
) -> None:
    """Whoever looks for the cause finds the setting, by the cookie's name and without what it holds."""
    world = await make_world(**settings)
    client = world.open(headers=[(b"cookie", cookie) for cookie in cookies])
    with structlog.testing.capture_logs() as logged:
        client.send({"id": 1, "connect": {}})

    assert [line["detail"] for line in logged if line["event"] == "token_refused"] == [detail]


async def test_connect_anonymously_where_allowed(make_world: MakeWorld) -> None:
    """No token, and an empty one, open an anonymous session; a wrong one does not."""
    world = await make_world(client={"allow_anonymous": True})
    assert "connect" in world.open().call("connect")
    assert "connect" in world.open().call("connect", token="")
    assert world.manager.count_of("") == 2
    wrong = world.open()
    wrong.send({"id": 1, "connect": {"token": "undefined"}})

    assert wrong.transport.closed == (3501, "token_empty")


async def test_connect_with_an_anonymous_token_may_be_forbidden(make_world: MakeWorld) -> None:
    """A signed token with an empty `sub` is the anonymous user, as in Centrifugo, unless the operator forbids it."""
    world = await make_world()
    assert "connect" in world.open().call("connect", token=world.token(""))
    strict = await make_world(client={"disallow_anonymous_connection_tokens": True, "allow_anonymous": True})
    assert "connect" in strict.open().call("connect")
    client = strict.open()
    client.send({"id": 1, "connect": {"token": strict.token("")}})

    assert client.transport.closed == (3507, "token_anonymous")


async def test_connect_over_the_users_limit_closes(make_world: MakeWorld) -> None:
    """A user's connections are bounded where the setting says so; other users are not concerned."""
    world = await make_world(client={"user_connection_limit": 2})
    world.connect()
    world.connect()
    world.connect("bob")
    third = world.open()
    third.send({"id": 1, "connect": {"token": world.token()}})

    assert third.transport.closed == (3504, "connection_limit")


async def test_connect_subscribes_to_the_tokens_channels(world: World) -> None:
    """Channels of the token stand in the reply, and their publications arrive."""
    client = world.open()
    token = world.token(channels=["a"], subs={})
    reply = client.call("connect", token=token)["connect"]
    client.call("publish", channel="a", data=1)

    assert list(reply["subs"]) == ["a"]
    assert [push["pub"]["data"] for push in await client.pushes()] == [1]


async def test_connect_takes_terms_from_the_tokens_subs(world: World) -> None:
    """`subs` carry info, data and overrides."""
    sub = {"data": {"x": 1}, "info": {"i": 2}, "override": {"force_recovery": {"value": True}}}
    client = world.open()
    reply = client.call("connect", token=world.token(subs={"a": sub}))["connect"]["subs"]["a"]

    assert reply["data"] == {"x": 1}
    assert reply["recoverable"] is True
    assert client.call("presence", channel="a")["presence"]["presence"][client.connection.client]["chan_info"] == {
        "i": 2
    }


async def test_connect_recovers_server_side_channels(make_world: MakeWorld) -> None:
    """A client that comes back gets what it missed in its server-side channels."""
    options = {"history_size": 10, "history_ttl": 60, "force_recovery": True, "allow_publish_for_client": True}
    world = await make_world(channel={"without_namespace": options})
    first = world.open()
    terms = first.call("connect", token=world.token(channels=["a"]))["connect"]["subs"]["a"]
    first.hang_up()
    other = world.connect("bob")
    for number in range(3):
        other.call("publish", channel="a", data=number)
    back = world.open()
    asked = {"a": {"recover": True, "epoch": terms["epoch"], "offset": 1}}
    reply = back.call("connect", token=world.token(channels=["a"]), subs=asked)["connect"]["subs"]["a"]

    assert reply["recovered"] is True
    assert [one["data"] for one in reply["publications"]] == [1, 2]


async def test_connect_lets_the_client_choose_only_the_position(world: World) -> None:
    """What a server-side subscription can do is not the client's to ask, and no flag of it refuses the connect."""
    asked = {"a": {"recover": True, "epoch": "gone", "offset": 1, "recoverable": True, "join_leave": True, "flag": 2}}
    client = world.open()
    reply = client.call("connect", token=world.token(channels=["a"]), subs=asked)["connect"]["subs"]["a"]

    assert reply == {"was_recovering": True}


async def test_connect_with_an_unknown_namespace_is_an_error(world: World) -> None:
    """A token that names a namespace nobody configured is refused by name, and nothing stays behind."""
    client = world.open()
    reply = client.call("connect", token=world.token(channels=["a", "nowhere:b"]))

    assert reply["error"]["message"] == "unknown_channel"
    assert (len(world.hub), len(world.core.feed)) == (0, 0)


async def test_connect_with_too_many_channels_closes(make_world: MakeWorld) -> None:
    """The client's limit of channels holds for its token too."""
    world = await make_world(client={"channel_limit": 2})
    client = world.open()
    client.send({"id": 1, "connect": {"token": world.token(channels=["a", "b", "c"])}})

    assert client.transport.closed == (3505, "channel_limit_close")


async def test_refresh_prolongs_the_session(world: World, clock: Clock) -> None:
    """A fresh token of the same user moves the end."""
    client = world.connect()
    clock.advance(500)
    reply = client.call("refresh", token=world.token())
    clock.advance(400)
    world.core.expiry.advance()

    assert reply["refresh"] == {"expires": True, "ttl": 600}
    assert client.transport.closed is None


async def test_refresh_with_another_users_token_closes(world: World) -> None:
    """A session never changes hands."""
    client = world.connect()
    client.send({"id": 2, "refresh": {"token": world.token("mallory")}})

    assert client.transport.closed == (3500, "token_wrong_user")


async def test_refresh_with_an_expired_token_asks_for_another(world: World) -> None:
    """The SDK fetches again; the session's own end stays."""
    client = world.connect()

    assert client.call("refresh", token=world.token(exp=1))["error"]["temporary"] is True


@pytest.mark.parametrize("before", [{"channels": ["a"]}, {"subs": {"a": {}}}])
@pytest.mark.parametrize(("after", "stays"), [({"channels": ["a"]}, True), ({"subs": {"a": {}}}, True), ({}, False)])
async def test_refresh_keeps_the_channels(
    world: World, before: dict[str, Any], after: dict[str, Any], stays: bool
) -> None:
    """A token with other channels needs another session, as in Centrifugo; in which claim they stand is no matter."""
    client = world.connect(**before)
    client.send({"id": 9, "refresh": {"token": world.token(**after)}})

    assert client.transport.closed == (None if stays else (3010, "insufficient_state"))


async def test_refresh_with_one_more_channel_starts_anew(world: World) -> None:
    """A channel that is new in the token closes too; subscriptions of the client's own do not count."""
    client = world.connect(channels=["a"])
    client.call("subscribe", channel="own")
    assert "refresh" in client.call("refresh", token=world.token(channels=["a"]))
    client.send({"id": 9, "refresh": {"token": world.token(channels=["a", "b"])}})

    assert client.transport.closed == (3010, "insufficient_state")


async def test_refresh_of_who_left_meanwhile_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that has to be fetched takes time; who is gone by then gets no deadline."""
    client = world.connect()
    validate = world.validator.validate_refresh

    async def slow(token: str, *, user: str) -> Any:
        await asyncio.sleep(0)
        return await validate(token, user=user)

    monkeypatch.setattr(world.validator, "validate_refresh", slow)
    client.send({"id": 9, "refresh": {"token": world.token()}})
    client.hang_up()
    await world.turn()

    assert len(world.core.expiry) == 0


async def test_connect_counts_a_users_connections_when_they_are_there(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that are being opened at the same time do not pass the limit together."""
    world = await make_world(client={"user_connection_limit": 1})
    history = world.broker.add_presence

    async def slow(*arguments: Any) -> None:
        await asyncio.sleep(0)
        await history(*arguments)

    monkeypatch.setattr(world.broker, "add_presence", slow)
    clients = [world.open(), world.open()]
    for client in clients:
        client.send({"id": 1, "connect": {"token": world.token(channels=["a"])}})
    await world.turn()

    assert [client.transport.closed for client in clients] == [None, (3504, "connection_limit")]
    assert world.core.stats.subscriptions == 1


async def test_connect_of_who_left_meanwhile_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that goes while its channels are being prepared is taken out of them again."""
    gate = asyncio.Event()
    add = world.broker.add_presence

    async def slow(*arguments: Any) -> None:
        await gate.wait()
        await add(*arguments)

    monkeypatch.setattr(world.broker, "add_presence", slow)
    client = world.open()
    client.send({"id": 1, "connect": {"token": world.token(channels=["a", "b"])}})
    client.hang_up()
    gate.set()
    await world.turn()

    assert (len(world.hub), len(world.core.feed), len(world.core.membership)) == (0, 0, 0)
    assert await world.broker.presence("a") == {}
