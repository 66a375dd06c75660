from __future__ import annotations

import asyncio

import pytest
from msgspec import Raw

from holdfast.auth.claims import SubscribeOverrides
from holdfast.connections.control import Target
from holdfast.connections.subscription import PRESENT, SERVER_SIDE, Grant
from holdfast.errors import BrokerError, ChannelError
from holdfast.protocol.messages import StreamPosition
from tests.brokers import Clock
from tests.pair import Pair

ANNA = Target("anna")


@pytest.fixture
async def pair(clock: Clock) -> Pair:
    """Two instances."""
    return await Pair(clock).start()


async def test_disconnect_reaches_all_instances(pair: Pair) -> None:
    """When the order returns a user's connections are closed, wherever they are; others stay."""
    clients = [pair.here.connect(), pair.there.connect(), pair.there.connect()]
    other = pair.there.connect("bob")
    spared = clients.pop().connection.client
    await pair.here.cluster.everywhere.disconnect(ANNA, 4000, "enough", [spared])

    assert [client.transport.closed for client in clients] == [(4000, "enough")] * 2
    assert other.transport.closed is None
    assert len(pair.there.manager.by_user("anna")) == 1


async def test_order_for_a_connection_of_this_instance_asks_nobody(pair: Pair) -> None:
    """A client id is unique; only one that is not here is looked for elsewhere."""
    here, there = pair.here.connect(), pair.there.connect()
    await pair.here.cluster.everywhere.disconnect(Target("", here.connection.client))
    assert pair.exchange.sent == []

    await pair.here.cluster.everywhere.disconnect(Target("", there.connection.client))
    assert there.transport.closed == (3503, "force_disconnect")


async def test_subscribe_reaches_all_instances(pair: Pair) -> None:
    """With all that the grant has: info, data, end, overrides, and where to recover from."""
    client = pair.there.connect()
    for number in (1, 2):
        epoch = (await pair.here.core.publisher.publish("a", Raw(b"%d" % number))).position.epoch
    until = int(pair.clock()) + 60
    grant = Grant(Raw(b'{"n":1}'), Raw(b"7"), until, SubscribeOverrides(presence=True, force_recovery=True), True)
    await pair.here.cluster.everywhere.subscribe(ANNA, "a", grant, StreamPosition(1, epoch))
    subscription = client.connection.subs["a"]
    pushes = await client.pushes()

    assert (bytes(subscription.info), subscription.expire_at) == (b'{"n":1}', until)
    assert subscription.flags & (PRESENT | SERVER_SIDE) == PRESENT | SERVER_SIDE
    assert pushes[0]["subscribe"]["data"] == 7
    assert [push["pub"]["data"] for push in pushes[1:]] == [2]
    await pair.here.cluster.everywhere.subscribe(ANNA, "b", Grant(server_side=True))
    await pair.here.cluster.everywhere.unsubscribe(ANNA, "a")
    assert set(client.connection.subs) == {"b"}


async def test_refresh_reaches_all_instances(pair: Pair) -> None:
    """Another end, another info, or the end now."""
    client = pair.there.connect()
    until = int(pair.clock()) + 60
    await pair.here.cluster.everywhere.refresh(ANNA, expire_at=until, info=Raw(b"1"))
    assert (client.connection.expire_at, bytes(client.connection.info)) == (until, b"1")

    await pair.here.cluster.everywhere.refresh(ANNA, expire_at=0)
    assert (client.connection.expire_at, bytes(client.connection.info)) == (0, b"1")
    await pair.here.cluster.everywhere.refresh(ANNA, expired=True)
    assert client.transport.closed == (3005, "connection_expired")


async def test_order_that_is_not_confirmed(pair: Pair) -> None:
    """The caller gets a temporary error with the names, and may repeat; what could be done was done."""
    client = pair.here.connect()
    pair.kill(pair.there)
    ordering = asyncio.ensure_future(pair.here.cluster.everywhere.disconnect(ANNA))
    with pytest.raises(BrokerError, match=r"peer_unreachable.*there") as raised:
        await pair.until_timers(pair.here, ordering)

    assert raised.value.is_temporary
    assert client.transport.closed == (3503, "force_disconnect")


async def test_order_that_fails_elsewhere(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller is told what went wrong there."""

    async def conflict(*_: object) -> None:
        raise ChannelError("conflict", "its stream changed")

    monkeypatch.setattr(pair.there.cluster.control, "subscribe", conflict)
    with pytest.raises(ChannelError, match="conflict"):
        await pair.here.cluster.everywhere.subscribe(ANNA, "a", Grant(server_side=True))


async def test_order_without_a_broker(pair: Pair) -> None:
    """It is carried out here, and the caller hears that the others were not told."""
    client = pair.here.connect()
    pair.kill(pair.here)
    with pytest.raises(BrokerError, match="broker_unavailable"):
        await pair.here.cluster.everywhere.disconnect(ANNA)

    assert client.transport.closed == (3503, "force_disconnect")
