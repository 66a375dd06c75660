"""The stock Python SDK: subscriptions by the client, by the token and by the server API."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from centrifuge import ClientState, ReplyError, StreamPosition, SubscriptionState

from tests.sdk.clients import Clients
from tests.sdk.gateway import SdkGateway
from tests.sdk.support import now, subscription_events, token, unique, until


def data(events: Any) -> list[Any]:
    """Return the payloads that arrived, in order."""
    return [ctx.pub.data for ctx in events.all["publication"]]


async def test_publication_says_who_published(clients: Clients) -> None:
    """What a client publishes arrives with who it is, at the publisher too."""
    channel = unique("chat:")
    _, seen = await clients.subscribed(channel)
    sub, own = await clients.subscribed(channel, claims={"sub": "bob", "info": {"name": "Bob"}})

    await sub.publish({"text": "héllo ✓"})
    pub = (await seen.next("publication")).pub
    await own.next("publication")

    assert pub.data == {"text": "héllo ✓"}
    assert (pub.info.user, pub.info.conn_info) == ("bob", {"name": "Bob"})


async def test_publication_by_the_api_arrives(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """What the backend publishes arrives with its tags and offset."""
    sub, events = await clients.subscribed(unique("chat:"))

    sdk_gateway.api("publish", channel=sub.channel, data=[1, None], tags={"a": "b"})
    pub = (await events.next("publication")).pub

    assert (pub.data, pub.tags, pub.offset, pub.info) == ([1, None], {"a": "b"}, 1, None)


async def test_history_is_read_from_a_position(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """History is read forwards, backwards and from a position."""
    sub, _ = await clients.subscribed(unique("chat:"))
    for number in range(1, 6):
        sdk_gateway.api("publish", channel=sub.channel, data=number)

    everything = await sub.history(limit=-1)
    page = await sub.history(limit=2, since=StreamPosition(offset=1, epoch=everything.epoch))
    newest = await sub.history(limit=2, reverse=True)
    top = await sub.history()

    assert [pub.data for pub in everything.publications] == [1, 2, 3, 4, 5]
    assert [pub.data for pub in page.publications] == [2, 3]
    assert [pub.data for pub in newest.publications] == [5, 4]
    assert (top.publications, top.offset) == ([], 5)


async def test_presence_shows_who_is_there(clients: Clients) -> None:
    """Presence names each connection, its stats count connections and users."""
    channel = unique("chat:")
    sub, _ = await clients.subscribed(channel, claims={"info": {"age": 3}})
    await clients.subscribed(channel, claims={"sub": "bob"})

    presence = await sub.presence()
    stats = await sub.presence_stats()

    assert sorted(info.user for info in presence.clients.values()) == ["alice", "bob"]
    assert {"age": 3} in [info.conn_info for info in presence.clients.values()]
    assert (stats.num_clients, stats.num_users) == (2, 2)


async def test_joins_and_leaves_are_told(clients: Clients) -> None:
    """Whoever comes and goes is told to the others."""
    channel = unique("chat:")
    _, events = await clients.subscribed(channel)
    other, _ = await clients.subscribed(channel, claims={"sub": "bob"})

    joined = await events.next("join", lambda ctx: ctx.info.user == "bob")
    await other.unsubscribe()
    left = await events.next("leave", lambda ctx: ctx.info.user == "bob")

    assert joined.info.client == left.info.client


async def test_refusals_are_named(clients: Clients) -> None:
    """What a channel does not allow is refused with its number and cause."""
    sub, _ = await clients.subscribed(unique("plain:"))

    with pytest.raises(ReplyError) as publish:
        await sub.publish(1)
    with pytest.raises(ReplyError) as history:
        await sub.history()

    assert (publish.value.code, publish.value.message) == (103, "permission_denied")
    assert (history.value.code, history.value.message) == (108, "not_available")


@pytest.mark.parametrize(
    ("channel", "code", "reason"),
    [
        ("nowhere:x", 102, "unknown_channel"),
        ("closed:x", 103, "permission_denied"),
        ("$chat:x", 103, "subscription_token_missing"),
        ("dialog:x#bob,eve", 103, "permission_denied"),
    ],
)
async def test_refused_subscription_ends(clients: Clients, channel: str, code: int, reason: str) -> None:
    """A subscription that is not allowed ends for good; the connection stays."""
    client, _ = await clients.connected()
    events = subscription_events()

    await client.new_subscription(channel, events=events).subscribe()
    ended = await events.next("unsubscribed")

    assert (ended.code, ended.reason) == (code, reason)
    assert client.state == ClientState.CONNECTED


async def test_user_limited_channel_admits_its_users(clients: Clients) -> None:
    """A channel that names a user admits that user."""
    sub, _ = await clients.subscribed(f"dialog:{unique('x')}#alice,bob")

    assert sub.state == SubscriptionState.SUBSCRIBED


async def test_subscription_token_is_replaced_and_refreshed(clients: Clients) -> None:
    """An expired subscription token is replaced, and a living one refreshed, by get_token."""
    channel = unique("$chat:")
    asked = 0

    async def get_token(_: str) -> str:
        nonlocal asked
        asked += 1
        return token(channel=channel, exp=now() + 2)

    sub, events = await clients.subscribed(channel, token=token(channel=channel, exp=now() - 60), get_token=get_token)
    await until(lambda: asked >= 3, "the third token")
    await asyncio.sleep(0.3)

    assert sub.state == SubscriptionState.SUBSCRIBED
    assert len(events.all["subscribed"]) == 1


async def test_api_unsubscribe_is_final(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """An unsubscribe by the backend ends the subscription, which may be asked for anew."""
    user = unique("user")
    sub, events = await clients.subscribed(unique("chat:"), claims={"sub": user})

    sdk_gateway.api("unsubscribe", user=user, channel=sub.channel)
    ended = await events.next("unsubscribed")
    await sub.subscribe()
    await events.next("subscribed")
    sdk_gateway.api("publish", channel=sub.channel, data="heard")
    await events.next("publication")

    assert ended.code == 2000
    assert data(events) == ["heard"]


async def test_token_channels_are_subscribed(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """The token's channels are subscribed without asking, with data where the token has some."""
    first, second = unique("chat:"), unique("closed:")
    _, events = await clients.connected(token=token(subs={first: {}, second: {"data": {"a": 1}}}))

    names = {(await events.next("subscribed")).channel for _ in range(2)}
    sdk_gateway.api("publish", channel=second, data="x")
    pub = await events.next("publication")

    assert names == {first, second}
    assert {ctx.channel: ctx.data for ctx in events.all["subscribed"]}[second] == {"a": 1}
    assert (pub.channel, pub.pub.data) == (second, "x")


async def test_api_subscribes_and_unsubscribes(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """The backend may subscribe a user, with data, and unsubscribe it again."""
    user, channel = unique("user"), unique("kept:")
    _, events = await clients.connected(token=token(sub=user))

    sdk_gateway.api("subscribe", user=user, channel=channel, data={"why": 1})
    began = await events.next("subscribed")
    sdk_gateway.api("publish", channel=channel, data="heard")
    await events.next("publication")
    sdk_gateway.api("unsubscribe", user=user, channel=channel)
    ended = await events.next("unsubscribed")

    assert (began.channel, began.data, began.recoverable) == (channel, {"why": 1}, True)
    assert ended.channel == channel
