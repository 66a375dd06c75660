from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec import Raw

from holdfast.connections.control import Target
from holdfast.connections.subscription import Grant
from holdfast.errors import ChannelError
from holdfast.protocol.framing import RAW_PROTOBUF
from holdfast.protocol.messages import StreamPosition
from tests.brokers import Clock
from tests.live import World
from tests.unit.connections.conftest import MakeWorld

ANNA = Target("anna")
SERVER = Grant(server_side=True)


async def test_subscribe_reaches_all_connections_of_a_user(world: World) -> None:
    """Each gets a subscribe push and then the channel's publications; others get nothing."""
    first, second, other = world.connect(), world.connect(), world.connect("bob")
    await world.control.subscribe(ANNA, "a", Grant(data=Raw(b"7"), server_side=True))
    await world.control.subscribe(ANNA, "a", SERVER)
    other.call("publish", channel="a", data=1)
    for client in (first, second):
        pushes = await client.pushes()
        assert pushes[0] == {"channel": "a", "subscribe": {"data": 7}}
        assert [push["pub"]["data"] for push in pushes[1:]] == [1]

    assert await other.pushes() == []


async def test_subscribe_picks_one_client(world: World) -> None:
    """A client id narrows the target, with or without the user."""
    first, second = world.connect(), world.connect()
    await world.control.subscribe(Target("anna", first.connection.client), "a", SERVER)
    await world.control.subscribe(Target("", first.connection.client), "b", SERVER)
    await world.control.subscribe(Target("", "nobody"), "c", SERVER)

    assert set(first.connection.subs) == {"a", "b"}
    assert second.connection.subs == {}


async def test_subscribe_recovers_from_a_position(make_world: MakeWorld) -> None:
    """Publications since a position follow the subscribe push."""
    options = {"history_size": 9, "history_ttl": 60, "force_recovery": True, "allow_publish_for_client": True}
    world = await make_world(channel={"without_namespace": options})
    client = world.connect()
    for number in range(1, 4):
        client.call("publish", channel="a", data=number)
    epoch = (await world.core.publisher.publish("a", Raw(b"4"))).position.epoch
    await world.control.subscribe(ANNA, "a", SERVER, StreamPosition(2, epoch))
    pushes = await client.pushes()

    assert pushes[0]["subscribe"]["recoverable"] is True
    assert [push["pub"]["data"] for push in pushes[1:]] == [3, 4]


async def test_subscribe_over_the_limit_closes(make_world: MakeWorld) -> None:
    """A client that cannot have one more channel is closed with 3505."""
    world = await make_world(client={"channel_limit": 1})
    client = world.connect(channels=["a"])
    await world.control.subscribe(ANNA, "b", SERVER)

    assert client.transport.closed == (3505, "channel_limit_close")


async def test_subscribe_names_an_unknown_channel(world: World) -> None:
    """The caller is told, whether anybody is connected or not."""
    with pytest.raises(ChannelError, match="unknown_channel"):
        await world.control.subscribe(ANNA, "nowhere:a", SERVER)


async def test_unsubscribe_one_and_all(world: World) -> None:
    """The client hears which subscriptions ended, with 2000, and does not come back."""
    client = world.connect()
    for channel in "abc":
        client.call("subscribe", channel=channel)
    await client.pushes()
    await world.control.unsubscribe(ANNA, "a")
    await world.control.unsubscribe(ANNA, "")
    pushes = await client.pushes()

    assert [push["channel"] for push in pushes] == ["a", "b", "c"]
    assert pushes[0]["unsubscribe"] == {"code": 2000, "reason": "unsubscribed_by_server"}
    assert client.connection.subs == {}


@pytest.mark.parametrize(
    ("code", "reason", "closed"),
    [(0, "", (3503, "force_disconnect")), (4500, "bye", (4500, "bye")), (3011, "", (3011, "force_reconnect"))],
)
async def test_disconnect_closes_with_the_asked_number(
    world: World, code: int, reason: str, closed: tuple[int, str]
) -> None:
    """Without a number it is for good; a number of ours keeps its name, an application's its reason."""
    client = world.connect()
    await world.control.disconnect(ANNA, code, reason)

    assert client.transport.closed == closed


async def test_disconnect_spares_the_whitelist(world: World) -> None:
    """All connections of the user but those named."""
    first, second = world.connect(), world.connect()
    await world.control.disconnect(ANNA, whitelist=[first.connection.client])

    assert first.transport.closed is None
    assert second.transport.closed is not None


async def test_refresh_moves_the_end(world: World, clock: Clock) -> None:
    """The session lives as long as the backend says, and the client is told."""
    client = world.connect()
    await world.control.refresh(ANNA, expire_at=int(clock()) + 9999, info=Raw(b'{"n":1}'))
    clock.advance(5000)
    world.core.expiry.advance()

    assert (await client.pushes())[-1]["refresh"] == {"expires": True, "ttl": 9999}
    assert client.transport.closed is None
    assert bytes(client.connection.info) == b'{"n":1}'
    await world.control.refresh(ANNA)
    clock.advance(10_000)
    world.core.expiry.advance()
    assert client.transport.closed is None


@pytest.mark.parametrize("expire_at", [0, 1])
async def test_refresh_can_end_the_session(world: World, expire_at: int) -> None:
    """`expired`, or an end in the past, closes with 3005."""
    client = world.connect()
    await world.control.refresh(ANNA, expired=not expire_at, expire_at=expire_at)

    assert client.transport.closed == (3005, "connection_expired")


@pytest.mark.parametrize(("code", "slug"), [(3500, "application"), (3012, "no_pong"), (4000, "application")])
async def test_disconnect_counts_no_cause_that_was_not(world: World, code: int, slug: str) -> None:
    """A number that several causes share is the caller's own; no metric says that a token was malformed."""
    client = world.connect()
    await world.control.disconnect(ANNA, code, "because")
    client.hang_up()

    assert client.transport.closed == (code, "because")
    assert dict(world.core.stats.closes) == {slug: 1}


async def test_subscribe_beside_the_clients_own(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that subscribes by itself at the same moment is subscribed once, and stands in presence."""
    add = world.broker.add_presence

    async def slow(*arguments: Any) -> None:
        await asyncio.sleep(0)
        await add(*arguments)

    monkeypatch.setattr(world.broker, "add_presence", slow)
    client = world.connect()
    both = asyncio.ensure_future(world.control.subscribe(ANNA, "a", SERVER))
    await asyncio.sleep(0)
    client.send({"id": 9, "subscribe": {"channel": "a"}})
    await both
    await world.turn()

    assert [one["error"]["message"] for one in client.received() if "error" in one] == ["already_subscribed"]
    assert list(await world.broker.presence("a")) == [client.connection.client]
    assert (world.core.stats.subscriptions, world.hub.count("a")) == (1, 1)
    client.hang_up()
    await world.turn()
    assert (len(world.core.feed), len(world.core.membership)) == (0, 0)
    assert await world.broker.presence("a") == {}


async def test_subscribe_to_a_binary_channel_closes_json_connections(make_world: MakeWorld) -> None:
    """Of a user's connections those that speak Protobuf are subscribed; the others end as in Centrifugo."""
    world = await make_world(channel={"without_namespace": {"publication_data_format": "binary"}})
    json_client, client = world.connect(), world.connect(encoding=RAW_PROTOBUF)
    await world.control.subscribe(ANNA, "a", SERVER)

    assert json_client.transport.closed == (3506, "inappropriate_protocol")
    assert set(client.connection.subs) == {"a"}
