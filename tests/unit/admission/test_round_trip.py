import asyncio

import msgspec
import pytest

from holdfast.admission.round_trip import PREFIX, BrokerRoundTrip
from holdfast.broker.base import NO_POSITION, PublishResult
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo, Publication


class Hub:
    def __init__(self) -> None:
        self.calls = []

    def on_publication(self, channel, publication, position, use_delta=False):
        self.calls.append(("publication", channel, bytes(publication.data), position))

    def on_join(self, channel, info):
        self.calls.append(("join", channel, info))

    def on_leave(self, channel, info):
        self.calls.append(("leave", channel, info))


class Broker:
    """Hands publications on at once, later, or not at all."""

    def __init__(self) -> None:
        self.handler = None
        self.subscribed = []
        self.held = []
        self.is_holding = False
        self.error = None
        self.troubles = {}

    def trouble(self, way):
        return self.troubles.get(way)

    async def subscribe(self, channel):
        if self.error is not None:
            raise self.error
        self.subscribed.append(channel)

    async def publish(self, channel, publication, options):
        if self.error is not None:
            raise self.error
        self.held.append((channel, publication))
        if not self.is_holding:
            self.release()
        return PublishResult(NO_POSITION)

    def release(self):
        while self.held:
            channel, publication = self.held.pop(0)
            self.handler.on_publication(channel, publication, NO_POSITION)


@pytest.fixture
def hub():
    """Notes what it is told."""
    return Hub()


@pytest.fixture
def broker():
    """A broker that hands on at once."""
    return Broker()


@pytest.fixture
def probe(broker, hub):
    """The check under test."""
    broker.handler = BrokerRoundTrip(broker, hub, "gateway-1")
    return broker.handler


async def test_check_embedded(probe, broker, hub):
    """A publication that comes back within publish is enough, and the hub never sees it."""
    await probe.start()
    await probe.check()
    await probe.check()

    assert broker.subscribed == [f"{PREFIX}gateway-1"]
    assert hub.calls == []


async def test_check_returns_later(probe, broker):
    """The check waits for its own publication, not for that of a check before."""
    broker.is_holding = True
    first = asyncio.ensure_future(probe.check())
    await asyncio.sleep(0)
    first.cancel()
    stale = broker.held.pop()
    second = asyncio.ensure_future(probe.check())
    await asyncio.sleep(0)
    probe.on_publication(*stale, NO_POSITION)
    await asyncio.sleep(0)
    assert not second.done()

    broker.release()
    await second


async def test_check_doubled_publication(probe, broker):
    """A broker that hands the probe on twice does no harm."""
    await probe.check()
    probe.on_publication(f"{PREFIX}gateway-1", Publication(data=msgspec.Raw(b"1")), NO_POSITION)


async def test_check_before_any(probe):
    """A stray publication before the first check does no harm."""
    probe.on_publication(f"{PREFIX}gateway-1", Publication(data=msgspec.Raw(b"0")), NO_POSITION)


async def test_check_broker_error(probe, broker):
    """The broker's refusal is the check's."""
    broker.error = BrokerError("broker_unavailable")

    with pytest.raises(BrokerError):
        await probe.check()


async def test_check_of_a_lost_feed_names_the_cause(probe, broker):
    """Publishing works, but nothing would come back: the cause is known before anything is published."""
    broker.troubles["feed"] = BrokerError("broker_permission_denied", "no SUBSCRIBE")

    with pytest.raises(BrokerError, match="broker_permission_denied: no SUBSCRIBE"):
        await probe.check()

    assert not broker.held


async def test_check_of_silence_has_a_slug(broker, hub):
    """What nobody has found out yet is a publication that does not come back in time."""
    broker.handler = probe = BrokerRoundTrip(broker, hub, "gateway-1", patience=0)
    broker.is_holding = True

    with pytest.raises(BrokerError, match="broker_timeout: a publication did not come back within 0 s"):
        await probe.check()


async def test_check_of_messages(probe, broker):
    """It fails of what keeps those of other instances away, and only of that."""
    broker.troubles["feed"] = BrokerError("broker_timeout")
    await probe.check_messages()
    broker.troubles["messages"] = BrokerError("broker_unavailable")

    with pytest.raises(BrokerError, match="broker_unavailable"):
        await probe.check_messages()


def test_others_pass(probe, hub):
    """Everything else goes on to the hub as it came."""
    info = ClientInfo(user="u", client="c")
    probe.on_publication("news", Publication(data=msgspec.Raw(b"1")), NO_POSITION)
    probe.on_join("news", info)
    probe.on_leave("news", info)

    assert hub.calls == [
        ("publication", "news", b"1", NO_POSITION),
        ("join", "news", info),
        ("leave", "news", info),
    ]


async def test_probe_starts_without_its_broker(broker, hub):
    """Each check asks again for the channel, until the broker is there."""
    probe = BrokerRoundTrip(broker, hub, "here")
    broker.handler = probe
    broker.error = BrokerError("broker_timeout")
    await probe.start()
    with pytest.raises(BrokerError, match="broker_timeout"):
        await probe.check()

    broker.error = None
    await probe.check()
    await probe.check()

    assert broker.subscribed == [f"{PREFIX}here"]
