from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from holdfast.broker.redis import RedisBroker
from holdfast.broker.redis_records import encode_info, encode_publication
from holdfast.broker.redis_seen import Seen
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo, StreamPosition
from holdfast.settings import Settings
from tests.brokers import Recorder, publication, texts

CHANNEL = b"holdfast:{news}"
RECORD = encode_publication(publication("1"))


@pytest.fixture
async def broker(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[RedisBroker, Recorder]]:
    """Return a broker that has started without Redis."""
    broker, seen = RedisBroker(Settings(), "here"), Recorder()

    async def start() -> None:
        """Do nothing."""

    monkeypatch.setattr(broker.link, "start", start)
    monkeypatch.setattr(broker.messages, "start", lambda handler: start())
    await broker.start(seen)
    yield broker, seen
    await broker.stop()


async def test_message_is_handed_on(broker: tuple[RedisBroker, Recorder]):
    """Publications with and without a position, joins and leaves."""
    one, seen = broker
    info = ClientInfo("ann", "c1")
    one._take(CHANNEL, b"p3:epoch:run:1:" + RECORD)
    one._take(CHANNEL, b"p0:::0:" + RECORD)
    one._take(CHANNEL, b"j" + encode_info(info))
    one._take(CHANNEL, b"l" + encode_info(info))

    assert [(name, position) for name, _, position in seen.publications] == [
        ("news", StreamPosition(3, "epoch")),
        ("news", StreamPosition(0, "")),
    ]
    assert texts([one for _, one, _ in seen.publications]) == ["1", "1"]
    assert (seen.deltas, seen.joins, seen.leaves) == ([True, False], [("news", info)], [("news", info)])


@pytest.mark.parametrize("message", [b"", b"x", b"p", b"p1:2", b"jnonsense", b"z9:future"])
async def test_foreign_message_is_passed_over(broker: tuple[RedisBroker, Recorder], message: bytes):
    """Whatever others say on our channels, or a later version says."""
    one, seen = broker
    one._take(CHANNEL, message)

    assert not seen.publications + seen.joins + seen.leaves


async def test_new_epoch_is_told_as_resumed(broker: tuple[RedisBroker, Recorder]):
    """Whoever follows the channel looks at its history, and finds out."""
    one, seen = broker
    one._take(CHANNEL, b"eabc")
    one._resume([CHANNEL])

    assert seen.resumed == [{"news"}, {"news"}]


async def test_publication_under_another_run_makes_its_channel_suspect(
    broker: tuple[RedisBroker, Recorder], monkeypatch: pytest.MonkeyPatch
):
    """It is delivered, and its stream looked at."""
    one, seen = broker
    looked: list[object] = []
    monkeypatch.setattr(one._reconciler, "add", looked.extend)
    monkeypatch.setattr(one._reconciler, "doubt", lambda name, position: looked.append((name, position)))
    one._take(CHANNEL, b"p3:epoch:run1:0:" + RECORD)
    one._take(CHANNEL, b"p4:epoch:run2:0:" + RECORD)
    one._look_at_all()

    assert looked == [("news", Seen("epoch", 4, b"run2")), "news"]
    assert len(seen.publications) == 2


async def test_broker_that_stopped_refuses():
    """Nothing was done, and messages on their way are passed over."""
    broker = RedisBroker(Settings(), "here")
    broker._take(CHANNEL, b"p0:::0:" + RECORD)
    broker._tell_resumed(["news"])

    with pytest.raises(BrokerError, match="broker_unavailable") as refused:
        await broker.subscribe("news")
    assert refused.value.is_undone
    await broker.stop()
