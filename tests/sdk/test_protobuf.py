"""The stock Python SDK in Protobuf beside itself in JSON, in the same channels."""

from __future__ import annotations

import json
from typing import Any

import pytest
from centrifuge import Client, ReplyError, StreamPosition

from tests.sdk.clients import Clients
from tests.sdk.gateway import SdkGateway
from tests.sdk.support import Network, now, subscription_events, token, unique, until

PAIRS = pytest.mark.parametrize(("mine", "theirs"), [(False, True), (True, False), (True, True)])


async def follow(client: Client, channel: str, **options: Any) -> tuple[Any, Any]:
    """Subscribe a client and return the subscription and its events."""
    events = subscription_events()
    sub = client.new_subscription(channel, events=events, **options)
    await sub.subscribe()
    await events.next("subscribed")
    return sub, events


def payload(data: Any, is_protobuf: bool) -> Any:
    """Return data as the SDK takes it in a codec."""
    return json.dumps(data).encode() if is_protobuf else data


def value(data: Any) -> Any:
    """Return what the SDK gives as a value."""
    return json.loads(data) if isinstance(data, bytes) else data


@PAIRS
async def test_codecs_share_a_channel(mine: bool, theirs: bool, clients: Clients, sdk_gateway: SdkGateway) -> None:
    """Publications, tags, presence, history and who published cross from one codec to the other."""
    channel = unique("chat:")
    publisher, _ = await clients.connected(token=token(sub="ann", info={"age": 3}), use_protobuf=mine)
    reader, _ = await clients.connected(token=token(sub="bob"), use_protobuf=theirs)
    sub, events = await follow(reader, channel)
    own, _ = await follow(publisher, channel)
    await own.publish(payload({"text": "h\u00e9llo"}, mine))
    sdk_gateway.api("publish", channel=channel, data=[1], tags={"lang": "fr"})
    first, second = await events.next("publication"), await events.next("publication")
    history = await sub.history(limit=10)
    presence = await sub.presence()

    assert [value(one.pub.data) for one in (first, second)] == [{"text": "h\u00e9llo"}, [1]]
    assert (first.pub.info.user, value(first.pub.info.conn_info)) == ("ann", {"age": 3})
    assert (second.pub.tags, second.pub.offset) == ({"lang": "fr"}, 2)
    assert [value(one.data) for one in history.publications] == [{"text": "h\u00e9llo"}, [1]]
    assert sorted(one.user for one in presence.clients.values()) == ["ann", "bob"]


async def test_protobuf_recovers_what_was_missed(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """After an interruption everything missed follows, in order."""
    channel = unique("kept:")
    async with Network(sdk_gateway.ws_url) as network:
        client, _ = await clients.connected(network.url, use_protobuf=True)
        _, events = await follow(client, channel)
        network.refuse(True)
        for number in range(30):
            sdk_gateway.api("publish", channel=channel, data=number)
        network.refuse(False)
        back = await events.next("subscribed")
        await until(lambda: len(events.all["publication"]) == 30, "what was missed")
        await client.disconnect()

    assert (back.was_recovering, back.recovered) == (True, True)
    assert [value(one.pub.data) for one in events.all["publication"]] == list(range(30))


async def test_protobuf_reads_history_from_a_position(clients: Clients, sdk_gateway: SdkGateway) -> None:
    """Positions are numbers of 64 bits; one that never was is refused by name."""
    channel = unique("chat:")
    client, _ = await clients.connected(use_protobuf=True)
    sub, _ = await follow(client, channel)
    for number in range(5):
        sdk_gateway.api("publish", channel=channel, data=number)
    top = await sub.history()
    page = await sub.history(limit=2, since=StreamPosition(2, top.epoch))

    assert [value(one.data) for one in page.publications] == [2, 3]
    with pytest.raises(ReplyError) as caught:
        await sub.history(limit=2, since=StreamPosition(2**63, top.epoch))
    assert caught.value.code == 112


async def test_protobuf_may_not_publish_what_json_cannot_carry(clients: Clients) -> None:
    """Bytes that are no JSON are refused where JSON clients may read, and pass where they may not."""
    client, _ = await clients.connected(use_protobuf=True)
    plain, _ = await follow(client, unique("chat:"))
    binary, events = await follow(client, unique("bytes:"))
    await binary.publish(b"\xff\n\0")

    assert (await events.next("publication")).pub.data == b"\xff\n\0"
    with pytest.raises(ReplyError) as caught:
        await plain.publish(b"\xff\n\0")
    assert (caught.value.code, caught.value.message) == (107, "data_not_json")


async def test_json_may_not_read_a_binary_channel(clients: Clients) -> None:
    """A JSON client is refused by name before it could get what it cannot read."""
    client, _ = await clients.connected()
    events = subscription_events()
    await client.new_subscription(unique("bytes:"), events=events).subscribe()
    ended = await events.next("unsubscribed")

    assert (ended.code, ended.reason) == (108, "binary_channel")


async def test_protobuf_tokens_are_refreshed(clients: Clients) -> None:
    """A refused subscription is an error of that subscription; a fresh token cures an expired one."""
    channel = unique("$chat:")

    async def get_token(_: str) -> str:
        return token(channel=channel)

    client, _ = await clients.connected(use_protobuf=True)
    _, events = await follow(client, channel, token=token(channel=channel, exp=now() - 60), get_token=get_token)

    assert events.all["unsubscribed"] == []
