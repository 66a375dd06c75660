"""The stock Python library of the server API: every method that the gateway has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from cent import (
    AsyncClient,
    BatchRequest,
    BroadcastRequest,
    CentApiResponseError,
    CentUnauthorizedError,
    ChannelOptionsOverride,
    ChannelsRequest,
    Client,
    Disconnect,
    DisconnectRequest,
    HistoryRemoveRequest,
    HistoryRequest,
    InfoRequest,
    PresenceRequest,
    PresenceStatsRequest,
    PublishRequest,
    RefreshRequest,
    StreamPosition,
    SubscribeRequest,
    UnsubscribeRequest,
)
from cent.dto import BoolValue

from tests.gateway import API_KEY
from tests.sdk.clients import Clients
from tests.sdk.gateway import SdkGateway
from tests.sdk.support import now, token, unique


@pytest.fixture
async def cent(sdk_gateway: SdkGateway) -> AsyncIterator[AsyncClient]:
    """The asynchronous client."""
    client = AsyncClient(f"{sdk_gateway.url}/api", API_KEY)
    yield client
    await client.close()


@pytest.fixture
def blocking(sdk_gateway: SdkGateway) -> Iterator[Client]:
    """The blocking client."""
    client = Client(f"{sdk_gateway.url}/api", API_KEY)
    yield client
    client.close()


def test_blocking_client_publishes(blocking: Client) -> None:
    """The blocking client gets the position of what it published."""
    result = blocking.publish(PublishRequest(channel=unique("chat:"), data={"a": 1}, tags={"x": "y"}))

    assert result.offset == 1
    assert result.epoch


async def test_publish_without_history_has_no_position(cent: AsyncClient) -> None:
    """Channels without history, and publications that skip it, have no offset."""
    channel = unique("chat:")

    plain = await cent.publish(PublishRequest(channel=unique("plain:"), data=1))
    skipped = await cent.publish(PublishRequest(channel=channel, data=1, skip_history=True))

    assert (plain.offset, skipped.offset) == (0, 0)
    assert (await cent.history(HistoryRequest(channel=channel, limit=10))).publications == []


async def test_idempotency_key_publishes_once(cent: AsyncClient) -> None:
    """A repeated call with the same key has the first one's result and no effect."""
    channel = unique("chat:")
    request = PublishRequest(channel=channel, data=1, idempotency_key="once")

    first, second = await cent.publish(request), await cent.publish(request)

    assert (first.offset, first.epoch) == (second.offset, second.epoch)
    assert (await cent.history(HistoryRequest(channel=channel))).offset == 1


async def test_broadcast_answers_by_channel(cent: AsyncClient) -> None:
    """Each channel of a broadcast has its own result or error."""
    result = await cent.broadcast(BroadcastRequest(channels=[unique("chat:"), "nowhere:x"], data=1))

    good, bad = result.responses
    assert good.result is not None
    assert good.result.offset == 1
    assert bad.error is not None
    assert (bad.error.code, bad.error.message) == (102, "unknown_channel")


async def test_history_pages_and_goes(cent: AsyncClient) -> None:
    """History is read in pages, both ways, and removed."""
    channel = unique("chat:")
    for number in range(1, 6):
        await cent.publish(PublishRequest(channel=channel, data=number))

    top = await cent.history(HistoryRequest(channel=channel))
    page = await cent.history(HistoryRequest(channel=channel, limit=2, since=StreamPosition(offset=2, epoch=top.epoch)))
    back = await cent.history(HistoryRequest(channel=channel, limit=1, reverse=True))
    everything = await cent.history(HistoryRequest(channel=channel, limit=-1))
    await cent.history_remove(HistoryRemoveRequest(channel=channel))
    gone = await cent.history(HistoryRequest(channel=channel, limit=-1))

    assert (top.offset, top.publications) == (5, [])
    assert [pub.data for pub in page.publications] == [3, 4]
    assert [(pub.data, pub.offset) for pub in back.publications] == [(5, 5)]
    assert len(everything.publications) == 5
    assert (gone.publications, gone.offset, gone.epoch) == ([], 5, top.epoch)


async def test_history_of_another_epoch_is_unrecoverable(cent: AsyncClient) -> None:
    """A position of another epoch is error 112."""
    channel = unique("chat:")
    await cent.publish(PublishRequest(channel=channel, data=1))

    with pytest.raises(CentApiResponseError) as caught:
        await cent.history(HistoryRequest(channel=channel, limit=1, since=StreamPosition(offset=1, epoch="gone")))

    assert caught.value.code == 112


async def test_presence_and_stats(cent: AsyncClient, clients: Clients) -> None:
    """Presence names the connections, its stats count them."""
    channel = unique("chat:")
    await clients.subscribed(channel, claims={"sub": "ann", "info": {"a": 1}})

    presence = await cent.presence(PresenceRequest(channel=channel))
    stats = await cent.presence_stats(PresenceStatsRequest(channel=channel))

    ((client, info),) = presence.presence.items()
    assert (info.client, info.user, info.conn_info) == (client, "ann", {"a": 1})
    assert (stats.num_clients, stats.num_users) == (1, 1)


async def test_presence_that_is_off_is_an_error(cent: AsyncClient) -> None:
    """Presence and history of a channel without them are error 108."""
    for call in (cent.presence(PresenceRequest(channel="plain:x")), cent.history(HistoryRequest(channel="plain:x"))):
        with pytest.raises(CentApiResponseError) as caught:
            await call
        assert caught.value.code == 108


async def test_subscribe_and_unsubscribe(cent: AsyncClient, clients: Clients) -> None:
    """A user is subscribed with data and overrides, and unsubscribed."""
    user, channel = unique("user"), unique("chat:")
    _, events = await clients.connected(token=token(sub=user))
    override = ChannelOptionsOverride(force_positioning=BoolValue(value=True))

    await cent.subscribe(SubscribeRequest(user=user, channel=channel, data={"a": 1}, override=override))
    began = await events.next("subscribed")
    await cent.unsubscribe(UnsubscribeRequest(user=user, channel=channel))
    ended = await events.next("unsubscribed")

    assert (began.channel, began.data, began.positioned) == (channel, {"a": 1}, True)
    assert ended.channel == channel


async def test_disconnect(cent: AsyncClient, clients: Clients) -> None:
    """A user is disconnected with a code of the application."""
    user = unique("user")
    _, events = await clients.connected(token=token(sub=user))

    await cent.disconnect(DisconnectRequest(user=user, disconnect=Disconnect(code=4500, reason="bye")))
    ended = await events.next("disconnected")

    assert (ended.code, ended.reason) == (4500, "bye")


async def test_refresh(cent: AsyncClient, clients: Clients) -> None:
    """A user's connections are given a new expiry, or expire at once."""
    user = unique("user")
    _, events = await clients.connected(token=token(sub=user))

    await cent.refresh(RefreshRequest(user=user, expire_at=now() + 600))
    await cent.refresh(RefreshRequest(user=user, expired=True))
    lost = await events.next("connecting", lambda ctx: ctx.code != 0)

    assert (lost.code, lost.reason) == (3005, "connection_expired")


async def test_channels_lists_by_pattern(cent: AsyncClient, clients: Clients) -> None:
    """Channels with subscribers are listed, with how many there are."""
    channel = unique("chat:")
    await clients.subscribed(channel)
    await clients.subscribed(channel)

    result = await cent.channels(ChannelsRequest(pattern=f"{channel[:-2]}*"))

    assert result.channels[channel].num_clients == 2


async def test_info_describes_the_instance(cent: AsyncClient, clients: Clients) -> None:
    """The instance says its name, version and counts."""
    await clients.subscribed(unique("chat:"))

    (node,) = (await cent.info(InfoRequest())).nodes

    assert node.uid
    assert node.name
    assert node.version
    assert min(node.num_clients, node.num_users, node.num_channels, node.num_subs) >= 1


@pytest.mark.parametrize("parallel", [False, True])
async def test_batch_answers_in_order(cent: AsyncClient, parallel: bool) -> None:
    """A batch has one reply a command, in order."""
    channel = unique("chat:")
    requests = [PublishRequest(channel=channel, data=1), HistoryRequest(channel=channel), InfoRequest()]

    result = await cent.batch(BatchRequest(requests=requests, parallel=parallel))

    published, history, info = result.replies
    assert published.offset == 1
    assert history.epoch
    assert info.nodes


async def test_wrong_key_is_unauthorized(sdk_gateway: SdkGateway) -> None:
    """Without the right key nothing is answered."""
    client = AsyncClient(f"{sdk_gateway.url}/api", "wrong")

    with pytest.raises(CentUnauthorizedError):
        await client.info(InfoRequest())
    await client.close()


async def test_missing_fields_are_bad_requests(cent: AsyncClient) -> None:
    """An empty channel is error 107."""
    with pytest.raises(CentApiResponseError) as caught:
        await cent.publish(PublishRequest(channel="", data=1))

    assert caught.value.code == 107
