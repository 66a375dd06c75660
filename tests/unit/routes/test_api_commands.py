import asyncio

import pytest
from msgspec import Raw

from holdfast.broker.memory import MemoryBroker
from holdfast.channels.namespaces import ChannelRules
from holdfast.connections.publish_queue import PublishQueue
from holdfast.connections.publishing import Publisher
from holdfast.errors import ChannelError, GatewayError, LifecycleError, ProtocolError
from holdfast.protocol.messages import ClientInfo
from holdfast.routes import api_commands
from holdfast.routes import api_messages as api
from holdfast.routes.api_commands import ApiCommands, Services, position_of
from holdfast.settings import Settings

SETTINGS = Settings.model_validate(
    {
        "channel": {
            "namespaces": [
                {"name": "history", "history_size": 3, "history_ttl": 60},
                {"name": "presence", "presence": True},
                {"name": "bytes", "history_size": 3, "history_ttl": 60, "publication_data_format": "binary"},
            ]
        }
    }
)


class Delivered:
    """The broker's handler: notes publications."""

    def __init__(self) -> None:
        self.publications = []
        self.deltas = []

    def on_publication(self, channel, publication, position, use_delta=False):
        self.deltas.append(use_delta)
        self.publications.append((channel, bytes(publication.data), publication.tags))


class Bench:
    """The commands on an embedded broker."""

    def __init__(self) -> None:
        self.is_closing = False
        self.delivered = Delivered()
        self.broker = MemoryBroker(SETTINGS)
        self.rules = ChannelRules(SETTINGS.channel)
        self.publisher = Publisher(self.broker, self.rules, lambda: self.is_closing, 300.0, self.delivered)
        self.queue = PublishQueue(self.publisher, SETTINGS.api, lambda: 0.0, asyncio.get_running_loop())
        self.commands = ApiCommands(self.services())

    def services(self, backend=None) -> Services:
        return Services(self.rules, self.publisher, self.queue, self.broker, self.nodes, self.channels, backend=backend)

    async def nodes(self) -> list:
        return ["node"]

    async def channels(self, pattern: str) -> tuple:
        return {} if pattern else {"news": 2}, ["there"] if pattern else []


@pytest.fixture
async def bench():
    """Commands that work."""
    bench = Bench()
    await bench.broker.start(bench.delivered)
    yield bench
    await bench.broker.stop()


def publication(channel: str = "history:a", data: bytes = b'{"x":1}', **given: object) -> api.PublishRequest:
    """Return a publish request."""
    return api.PublishRequest(channel=channel, data=Raw(data), **given)


async def test_publish_with_delta(bench):
    """`delta` goes with the publication to those who deliver it; without it the namespace decides."""
    await bench.commands.publish(publication())
    await bench.commands.publish(publication(delta=True))
    await bench.commands.broadcast(api.BroadcastRequest(channels=["history:a"], data=Raw(b"1"), delta=True))

    assert bench.delivered.deltas == [False, True, True]


async def test_publish_without_history(bench):
    """Without history there is no position to tell."""
    assert await bench.commands.publish(publication("news", tags={"a": "b"})) == api.PublishResult()
    assert bench.delivered.publications == [("news", b'{"x":1}', {"a": "b"})]


async def test_publish_async(bench):
    """Answered without a position and made soon after, in order; what is wrong is told at once."""
    for number in (1, 2):
        result = await bench.commands.publish(publication(data=b"%d" % number, is_async=True))
        assert result == api.PublishResult()
    channels = ["news", "nowhere:a", ""]
    broadcast = await bench.commands.broadcast(api.BroadcastRequest(channels, data=Raw(b"3"), is_async=True))
    assert bench.delivered.publications == []
    await bench.queue.drain(1)

    assert [one.error and one.error.message for one in broadcast.responses] == [None, "unknown_channel", "bad_request"]
    assert [data for _, data, _ in bench.delivered.publications] == [b"1", b"2", b"3"]
    with pytest.raises(ProtocolError, match="bad_request"):
        await bench.commands.publish(api.PublishRequest("news", is_async=True))


async def test_publish_with_history(bench):
    """With history the result says where the publication stands."""
    await bench.commands.publish(publication())
    result = await bench.commands.publish(publication())

    assert result.offset == 2
    assert result.epoch


async def test_publish_skip_history(bench):
    """A publication may be delivered without being kept."""
    result = await bench.commands.publish(publication(skip_history=True))

    assert result.offset == 0
    assert len(bench.delivered.publications) == 1


async def test_publish_idempotency_key(bench):
    """A repetition gives the first result and delivers nothing."""
    first = await bench.commands.publish(publication(idempotency_key="k"))
    again = await bench.commands.publish(publication(idempotency_key="k", data=b"2"))

    assert first == again
    assert len(bench.delivered.publications) == 1


async def test_publish_version(bench):
    """An older version of a document is suppressed, in its epoch."""
    await bench.commands.publish(publication(version=5, version_epoch="a"))
    await bench.commands.publish(publication(version=4, version_epoch="a"))
    assert len(bench.delivered.publications) == 1

    await bench.commands.publish(publication(version=4, version_epoch="b"))
    assert len(bench.delivered.publications) == 2


@pytest.mark.parametrize(
    ("request_", "error", "slug"),
    [
        (api.PublishRequest(channel="news"), ProtocolError, "bad_request"),
        (api.PublishRequest(data=Raw(b"1")), ProtocolError, "bad_request"),
        (publication("nowhere:a"), ChannelError, "unknown_channel"),
        (publication("x" * 300), ChannelError, "channel_name_too_long"),
    ],
)
async def test_publish_refused(bench, request_, error, slug):
    """What cannot be published is refused by its cause."""
    with pytest.raises(error) as caught:
        await bench.commands.publish(request_)
    assert caught.value.slug == slug


async def test_publish_closing(bench):
    """A closing instance takes no publication."""
    bench.is_closing = True

    with pytest.raises(LifecycleError):
        await bench.commands.publish(publication())


async def test_broadcast_each_for_itself(bench):
    """Every channel has its answer in its place, and a bad one stops nobody."""
    request = api.BroadcastRequest(channels=["history:a", "nowhere:a", "", "news"], data=Raw(b"1"))
    responses = (await bench.commands.broadcast(request)).responses

    assert [one.error and one.error.message for one in responses] == [None, "unknown_channel", "bad_request", None]
    assert responses[0].result.offset == 1
    assert [channel for channel, _, _ in bench.delivered.publications] == ["history:a", "news"]


async def test_broadcast_without_channels(bench):
    """Nowhere to publish is a fault of the request."""
    with pytest.raises(ProtocolError, match="`channels`"):
        await bench.commands.broadcast(api.BroadcastRequest(data=Raw(b"1")))


async def test_broadcast_one_turn(bench):
    """Ten channels are published to without giving up the event loop's turn."""
    with pytest.raises(StopIteration):
        bench.commands.broadcast(api.BroadcastRequest(channels=["news"] * 10, data=Raw(b"1"))).send(None)

    assert len(bench.delivered.publications) == 10


async def test_broadcast_lets_others_run(bench, monkeypatch):
    """A broadcast to very many channels lets others have their turn in between."""
    monkeypatch.setattr(api_commands, "TURN", 5)
    seen = []
    asyncio.get_running_loop().call_soon(lambda: seen.append(len(bench.delivered.publications)))
    await bench.commands.broadcast(api.BroadcastRequest(channels=["news"] * 12, data=Raw(b"1")))

    assert seen == [5]


async def test_presence(bench):
    """Who is there and how many, where the namespace keeps it."""
    await bench.broker.add_presence("presence:a", "c1", ClientInfo(user="u", client="c1"), 60.0)
    asked = api.ChannelRequest("presence:a")

    assert (await bench.commands.presence(asked)).presence == {"c1": ClientInfo(user="u", client="c1")}
    assert await bench.commands.presence_stats(asked) == api.PresenceStatsResult(1, 1)


async def test_history(bench):
    """History comes from a position on, forwards or backwards, or as the position alone."""
    for number in range(3):
        await bench.commands.publish(publication(data=str(number).encode()))
    epoch = (await bench.commands.history(api.HistoryRequest("history:a"))).epoch

    async def offsets(**given):
        found = await bench.commands.history(api.HistoryRequest("history:a", **given))
        assert found.offset == 3
        return [one.offset for one in found.publications]

    assert await offsets() == []
    assert await offsets(limit=-1) == [1, 2, 3]
    assert await offsets(limit=1, since=api.Position(1, epoch)) == [2]
    assert await offsets(limit=2, reverse=True) == [3, 2]


async def test_history_unknown_position(bench):
    """A position of another epoch is told as what it is."""
    await bench.commands.publish(publication())
    with pytest.raises(ChannelError) as caught:
        await bench.commands.history(api.HistoryRequest("history:a", limit=1, since=api.Position(1, "other")))
    assert caught.value.slug == "unrecoverable_position"

    with pytest.raises(ProtocolError, match=r"since\.offset"):
        await bench.commands.history(api.HistoryRequest("history:a", since=api.Position(0, ""), reverse=True))


async def test_history_remove(bench):
    """The publications go, the position stays."""
    await bench.commands.publish(publication())
    assert await bench.commands.history_remove(api.ChannelRequest("history:a")) == api.EmptyResult()

    found = await bench.commands.history(api.HistoryRequest("history:a", limit=-1))
    assert (found.publications, found.offset) == ([], 1)


@pytest.mark.parametrize("method", ["presence", "presence_stats", "history", "history_remove"])
@pytest.mark.parametrize(("channel", "slug"), [("news", "not_available"), ("nowhere:a", "unknown_channel"), ("", None)])
async def test_reading_refused(bench, method, channel, slug):
    """A feature that is off, a namespace that is not there, a name that is missing: three causes."""
    request = api.HistoryRequest(channel) if method == "history" else api.ChannelRequest(channel)
    with pytest.raises((ChannelError, ProtocolError)) as caught:
        await getattr(bench.commands, method)(request)
    assert caught.value.slug == (slug or "bad_request")


async def test_channels_and_info(bench):
    """Channels with their clients and who did not tell theirs, and the instances."""
    assert (await bench.commands.channels(api.ChannelsRequest())).channels == {"news": api.ChannelInfo(2)}
    assert await bench.commands.channels(api.ChannelsRequest("x*")) == api.ChannelsResult({}, ["there"])
    assert (await bench.commands.info(api.InfoRequest())).nodes == ["node"]


def test_position_of():
    """An absent position stays absent."""
    assert position_of(None) is None
    assert position_of(api.Position(3, "e")) == (3, "e")


async def test_publish_bytes(bench):
    """Base64 of anything goes into a binary channel, of JSON alone into others; history tells bytes in base64."""
    request = api.BroadcastRequest(channels=["bytes:a", "history:a"], b64data="/w==")
    binary, other = (await bench.commands.broadcast(request)).responses
    history = await bench.commands.history(api.HistoryRequest("bytes:a", limit=-1))

    assert binary.error is None
    assert other.error.message == "data_not_json"
    assert bench.delivered.publications == [("bytes:a", b"\xff", None)]
    assert [one.b64data for one in history.publications] == ["/w=="]


async def test_publish_bytes_async(bench):
    """What a channel does not take is told at once, also by an asynchronous publication."""
    await bench.commands.publish(api.PublishRequest("bytes:a", b64data="/w==", is_async=True))
    with pytest.raises(GatewayError, match="data_not_json"):
        await bench.commands.publish(api.PublishRequest("history:a", b64data="/w==", is_async=True))
    await bench.queue.drain(1)

    assert bench.delivered.publications == [("bytes:a", b"\xff", None)]


async def test_publish_nothing(bench):
    """Only a binary channel takes publications without data."""
    await bench.commands.publish(api.PublishRequest("bytes:a"))

    assert bench.delivered.publications == [("bytes:a", b"", None)]
    with pytest.raises(ProtocolError, match="bad_request"):
        await bench.commands.publish(api.PublishRequest("news"))


class Backend:
    """A user's backend that repeats what it is asked."""

    async def rpc(self, connection, method, data):
        assert connection is None
        return Raw(b'["%b",%b]' % (method.encode(), bytes(data) or b"0"))


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (api.RpcRequest("m", params=Raw(b"1")), b'["m",1]'),
        (api.RpcRequest("m", data=Raw(b"2")), b'["m",2]'),
        (api.RpcRequest("m"), b'["m",0]'),
    ],
)
async def test_rpc_is_answered_by_the_backend(bench, request_, answer):
    """With `params`, `data` or neither."""
    commands = ApiCommands(bench.services(Backend()))

    assert bytes((await commands.rpc(request_)).data) == answer


async def test_rpc_without_backend_or_method_is_refused(bench):
    """Nothing is there to answer it, or nothing is asked."""
    commands = bench.commands

    with pytest.raises(ChannelError) as nobody:
        await commands.rpc(api.RpcRequest("m"))
    with pytest.raises(ProtocolError) as nothing:
        await commands.rpc(api.RpcRequest())
    assert (nobody.value.slug, nothing.value.slug) == ("not_available", "bad_request")
