from __future__ import annotations

import asyncio
import json

import httpx
import msgspec
import pytest

from holdfast.connections.control import Target
from holdfast.connections.subscription import Grant
from holdfast.errors import ProtocolError
from holdfast.routes import api_connections
from holdfast.routes import api_messages as api
from holdfast.routes.api_connections import ApiConnections
from tests.brokers import Clock
from tests.live import EVERYTHING, World
from tests.pair import Pair, lone_bus

NOW = 1_700_000_000.0


@pytest.fixture
async def world() -> World:
    """An instance whose channels are positioned."""
    return await World(Clock(NOW), channel={"without_namespace": {**EVERYTHING, "force_positioning": True}}).start()


async def ask(world: World, **request: object) -> dict:
    """Return a result as the caller sees it."""
    result = await ApiConnections(world.control, world.hub, lone_bus(world.core)).connections(
        api.ConnectionsRequest(**request)
    )
    return json.loads(msgspec.json.encode(result))


async def test_connections_tell_who_is_there_and_how(world: World) -> None:
    """Transport, codec, address, age, end, what waits for the client, and each subscription with its position."""
    client = world.connect(channels=["token"])
    client.call("subscribe", channel="own")
    token = world.token(channel="private", exp=int(NOW) + 60)
    assert "subscribe" in client.call("subscribe", channel="private", token=token)
    await world.control.subscribe(Target("anna"), "api", Grant(server_side=True))
    position = client.call("publish", channel="own", data=1) and await world.core.read_top("own")
    client.transport.queued = 77
    world.connect("bob")
    answer = await ask(world, user="anna")

    assert answer["num_clients"] == 1
    assert "truncated" not in answer
    found = answer["connections"][client.connection.client]
    channels = found.pop("state")["channels"]
    assert found == {
        "user": "anna",
        "transport": "fake",
        "protocol": "json",
        "address": "127.0.0.1",
        "connected_at": NOW,
        "expire_at": int(NOW) + 600,
        "buffered": 77,
    }
    assert {name: one["source"] for name, one in channels.items()} == {"token": 1, "own": 6, "private": 3, "api": 10}
    assert [name for name, one in channels.items() if one.get("server_side")] == ["token", "api"]
    assert channels["private"]["expire_at"] == int(NOW) + 60
    assert channels["own"] == {
        "source": 6,
        "positioned": True,
        "presence": True,
        "offset": 1,
        "epoch": position.epoch,
    }


async def test_connections_tell_no_secret(world: World) -> None:
    """No token and no session id, with which another could act in the client's place."""
    token = world.token()
    client = world.open(session="the-session")
    client.call("connect", token=token)
    answer = json.dumps(await ask(world, user="anna"))

    assert client.connection.client in answer
    assert "the-session" not in answer
    assert token.split(".")[1] not in answer


async def test_connections_of_one_client(world: World) -> None:
    """A client id is enough, and narrows a user's; nobody is no error."""
    first, second = world.connect(), world.connect()
    wanted = second.connection.client

    assert list((await ask(world, client=wanted))["connections"]) == [wanted]
    assert list((await ask(world, user="anna", client=wanted))["connections"]) == [wanted]
    assert (await ask(world, user="bob", client=wanted)) == {"connections": {}, "num_clients": 0}
    assert (await ask(world, user="x" * 1_000_000)) == {"connections": {}, "num_clients": 0}
    assert set((await ask(world, user="anna"))["connections"]) == {first.connection.client, wanted}


async def test_connections_need_to_know_whose(world: World) -> None:
    """Without user and client nobody is meant, and an expression is not passed over."""
    with pytest.raises(ProtocolError, match="Expected a user"):
        await ask(world)
    with pytest.raises(ProtocolError, match="expression"):
        await ask(world, user="anna", expression="true")
    assert (await ask(world, user="", expression=""))["connections"] == {}


async def test_connections_are_cut_and_say_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest are listed, as many as asked for, or as make a bounded answer with their subscriptions."""
    clients = []
    for _ in range(6):
        clients.append(world.connect())
        clients[-1].call("subscribe", channel="a")
        world.clock.advance(1)
    ids = [client.connection.client for client in clients]
    some = await ask(world, user="anna", limit=2)
    monkeypatch.setattr(api_connections, "MAX_ROWS", 5)
    fewer = await ask(world, user="anna")

    assert list(some["connections"]) == ids[:2]
    assert (some["num_clients"], some["truncated"]) == (6, True)
    assert list(fewer["connections"]) == ids[:3]
    assert (fewer["num_clients"], fewer["truncated"]) == (6, True)


async def test_connections_are_read_in_slices(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others have their turn in between; who leaves meanwhile is not listed."""
    monkeypatch.setattr(api_connections, "SLICE_ROWS", 2)
    clients = []
    for _ in range(9):
        clients.append(world.connect())
        world.clock.advance(1)
    asking = asyncio.ensure_future(ask(world, user="anna"))
    turns = 0
    while not asking.done():
        turns += 1
        if turns == 2:
            clients[0].hang_up()
            clients[8].hang_up()
        await asyncio.sleep(0)
    answer = asking.result()

    assert turns >= 5
    assert list(answer["connections"]) == [client.connection.client for client in clients[1:8]]
    assert answer["num_clients"] == 7
    assert "truncated" not in answer


async def test_connections_tell_what_the_backend_let_in(backed: World) -> None:
    """Centrifugo's numbers for the connect and the subscribe proxy."""
    client = backed.open()
    await client.ask("connect")
    await client.ask("subscribe", channel="own")
    answer = await ask(backed, user="anna")
    channels = answer["connections"][client.connection.client]["state"]["channels"]

    assert {name: one["source"] for name, one in channels.items()} == {"named": 2, "own": 4}


@pytest.fixture
async def backed() -> World:
    """An instance whose backend lets everybody in as anna."""
    connect = {"enabled": True, "endpoint": "http://backend/connect"}
    channel = {"proxy": {"subscribe": {"endpoint": "http://backend/subscribe"}}}
    channel["without_namespace"] = {"subscribe_proxy_enabled": True}
    answer = httpx.Response(200, json={"result": {"user": "anna", "channels": ["named"]}})
    world = World(Clock(NOW), backend=lambda _: answer, client={"proxy": {"connect": connect}}, channel=channel)
    return await world.start()


async def test_connections_of_all_instances() -> None:
    """They stand together, the oldest first, within the limit; who does not say its own is named."""
    clock = Clock(NOW)
    pair = await Pair(clock).start()
    for client in (pair.here, pair.there):
        client.api = ApiConnections(client.cluster.control, client.hub, client.cluster.bus)
    clients = []
    for instance in (pair.there, pair.here, pair.there):
        clients.append(instance.connect().connection.client)
        clock.advance(1)
    everybody = await pair.here.api.connections(api.ConnectionsRequest(user="anna"))
    two = await pair.here.api.connections(api.ConnectionsRequest(user="anna", limit=2))
    one = await pair.here.api.connections(api.ConnectionsRequest(client=clients[0]))
    sent = len(pair.exchange.sent)
    own = await pair.here.api.connections(api.ConnectionsRequest(client=clients[1]))

    assert list(everybody.connections) == clients
    assert json.loads(bytes(everybody.connections[clients[0]]))["user"] == "anna"
    assert (everybody.num_clients, everybody.truncated, everybody.missing) == (3, False, [])
    assert (list(two.connections), two.num_clients, two.truncated) == (clients[:2], 3, True)
    assert (list(one.connections), list(own.connections)) == ([clients[0]], [clients[1]])
    assert len(pair.exchange.sent) == sent

    pair.kill(pair.there)
    asking = asyncio.ensure_future(pair.here.api.connections(api.ConnectionsRequest(user="anna")))
    assert (await pair.until_timers(pair.here, asking)).missing == ["there"]
