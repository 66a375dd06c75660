"""The stock Python library of Centrifugo's server API, unchanged."""

from __future__ import annotations

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
    ConnectionsRequest,
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

from tests.raw_client import RawClient


@pytest.fixture
def cent(gateway):
    """The library's client."""
    client = Client(f"{gateway.url}/api", gateway.api_key)
    yield client
    client.close()


def test_cent_publish_history(cent):
    """Publish with all that goes with it, read it back, remove it."""
    request = PublishRequest(channel="history:cent", data={"a": 1}, tags={"k": "v"}, idempotency_key="once")
    first = cent.publish(request)
    again = cent.publish(request)
    assert (first.offset, first.epoch) == (again.offset, again.epoch)

    history = cent.history(HistoryRequest(channel="history:cent", limit=10))
    assert [(one.data, one.offset, one.tags) for one in history.publications] == [({"a": 1}, 1, {"k": "v"})]
    since = StreamPosition(offset=1, epoch=history.epoch)
    assert cent.history(HistoryRequest(channel="history:cent", limit=10, since=since)).publications == []
    cent.history_remove(HistoryRemoveRequest(channel="history:cent"))
    assert cent.history(HistoryRequest(channel="history:cent", limit=10)).publications == []


def test_cent_broadcast(cent):
    """One answer for each channel."""
    result = cent.broadcast(BroadcastRequest(channels=["history:c1", "nowhere:c2"], data=1))

    assert result.responses[0].result.offset >= 1
    assert result.responses[1].error.code == 102


def test_cent_control(cent, gateway):
    """Subscribe, look, refresh, unsubscribe and disconnect a user."""
    with RawClient(gateway, "cent-user") as client:
        override = ChannelOptionsOverride(presence=BoolValue(value=True))
        cent.subscribe(SubscribeRequest(user="cent-user", channel="presence:cent", info={"i": 1}, override=override))
        present = cent.presence(PresenceRequest(channel="presence:cent")).presence
        assert present[client.id].user == "cent-user"
        assert present[client.id].chan_info == {"i": 1}
        assert cent.presence_stats(PresenceStatsRequest(channel="presence:cent")).num_clients == 1
        assert "presence:cent" in cent.channels(ChannelsRequest(pattern="presence:cen*")).channels
        cent.refresh(RefreshRequest(user="cent-user", expire_at=0))
        cent.unsubscribe(UnsubscribeRequest(user="cent-user", channel="presence:cent"))
        assert cent.presence_stats(PresenceStatsRequest(channel="presence:cent")).num_clients == 0
        cent.disconnect(DisconnectRequest(user="cent-user", disconnect=Disconnect(code=4500, reason="bye")))
        assert client.closed() == (4500, "bye")


def test_cent_info(cent):
    """The library reads what the instance tells of itself."""
    node = cent.info(InfoRequest()).nodes[0]

    assert node.version.startswith("Holdfast")
    assert node.process.rss > 0


@pytest.mark.parametrize("parallel", [False, True])
def test_cent_batch(cent, parallel):
    """A batch gives its results in order."""
    requests = [
        PublishRequest(channel="history:cent-batch", data=1),
        BroadcastRequest(channels=["history:cent-batch"], data=2),
        PresenceStatsRequest(channel="presence:cent-batch"),
    ]
    replies = cent.batch(BatchRequest(requests=requests, parallel=parallel)).replies

    assert replies[0].offset >= 1
    assert replies[1].responses[0].result.offset == replies[0].offset + 1
    assert replies[2].num_clients == 0


def test_cent_connections(cent, gateway):
    """Who is connected, how, and to which channels; the library cannot ask without an expression."""
    with RawClient(gateway, "cent-connections") as client:
        client.subscribe("presence:cent-connections")
        result = cent.connections(ConnectionsRequest(user="cent-connections", expression=""))

    (found,) = result.connections.values()
    assert list(result.connections) == [client.id]
    assert (found.user, found.transport, found.protocol) == ("cent-connections", "websocket", "json")
    assert found.state.channels["presence:cent-connections"].source == 6


def test_cent_errors(cent, gateway):
    """Errors arrive as the library's own exceptions, with number and slug."""
    with pytest.raises(CentApiResponseError) as caught:
        cent.publish(PublishRequest(channel="nowhere:x", data=1))
    assert (caught.value.code, caught.value.message) == (102, "unknown_channel")

    stranger = Client(f"{gateway.url}/api", "wrong")
    with pytest.raises(CentUnauthorizedError):
        stranger.info(InfoRequest())
    stranger.close()


async def test_cent_async(gateway):
    """The asynchronous client too."""
    async with AsyncClient(f"{gateway.url}/api", gateway.api_key) as client:
        result = await client.publish(PublishRequest(channel="history:cent-async", data=1))

    assert result.offset >= 1
