from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from msgspec import Raw

from holdfast.connections.lifecycle import Phase
from holdfast.connections.publish_queue import WORKERS, PublishQueue
from holdfast.connections.publishing import DEFAULT_TERMS, PublishTerms
from holdfast.errors import BrokerError, CapacityError, ChannelError, LifecycleError
from holdfast.settings import ApiSettings
from holdfast.telemetry import metrics
from tests.brokers import Clock
from tests.live import World


class Broker:
    """Notes what is published, after `wait`; fails for channel `bad`, crashes for `crash`, gives up for `cancel`."""

    def __init__(self) -> None:
        self.made: list[tuple[str, bytes]] = []
        self.most_at_once = 0
        self._at_once = 0
        self.wait: Callable[[], object] | None = None

    async def publish(self, channel, publication, options):
        self._at_once += 1
        self.most_at_once = max(self._at_once, self.most_at_once)
        try:
            if self.wait is not None:
                await self.wait()
        finally:
            self._at_once -= 1
        if channel == "bad":
            raise BrokerError("broker_unavailable", "away")
        if channel == "crash":
            raise RuntimeError("oops")
        if channel == "cancel":
            raise asyncio.CancelledError
        self.made.append((channel, bytes(publication.data)))


@pytest.fixture
def broker(world: World, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """What the world's publisher publishes to."""
    broker = Broker()
    monkeypatch.setattr(world.core.publisher, "_broker", broker)
    return broker


def queue_of(world: World, **settings: int) -> PublishQueue:
    """Return a queue before the world's publisher."""
    return PublishQueue(world.core.publisher, ApiSettings(**settings), world.clock, world.core.loop)


def add(queue: PublishQueue, channel: str, *numbers: int) -> None:
    """Take one publication for each number."""
    for number in numbers:
        queue.add(channel, Raw(b"%d" % number), DEFAULT_TERMS)


def counted(slug: str) -> float:
    """Return how many ended so."""
    return metrics.REGISTRY.get_sample_value("holdfast_async_publications_total", {"slug": slug}) or 0.0


async def test_queue_answers_first_and_keeps_the_order_of_a_channel(world: World, broker: Broker) -> None:
    """Nothing is made while `add` runs; then each channel's publications are made in their order, whatever waits."""
    turns = iter(range(10_000))
    broker.wait = lambda: asyncio.sleep(0) if next(turns) % 3 else asyncio.sleep(0.001)
    queue = queue_of(world)
    before = counted("ok")
    for number in range(60):
        add(queue, f"c{number % 3}", number)
    assert (len(queue), broker.made) == (60, [])
    await queue.drain(10)

    assert len(queue) == 0
    assert counted("ok") == before + 60
    for channel in range(3):
        numbers = [int(data) for name, data in broker.made if name == f"c{channel}"]
        assert numbers == list(range(channel, 60, 3))


async def test_queue_works_on_many_channels_at_once(world: World, broker: Broker) -> None:
    """A slow broker is asked for several channels at the same time, but not for all."""
    broker.wait = lambda: asyncio.sleep(0)
    queue = queue_of(world)
    for number in range(100):
        add(queue, f"c{number}", number)
    await queue.drain(10)

    assert broker.most_at_once == WORKERS
    assert len(broker.made) == 100


async def test_queue_makes_what_comes_while_its_workers_end(world: World, broker: Broker) -> None:
    """A publication that is taken in the very turn in which the last workers find nothing to do is made too."""
    queue = queue_of(world)
    for number in range(WORKERS):
        add(queue, f"c{number}", number)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    add(queue, "late", 99)
    for _ in range(3):
        await asyncio.sleep(0)

    assert len(queue) == 0
    assert broker.made[-1] == ("late", b"99")


async def test_queue_lets_others_run(world: World, broker: Broker) -> None:
    """A broker that never waits does not let a long queue hold up the event loop."""
    queue = queue_of(world)
    add(queue, "a", *range(1000))
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert 0 < len(broker.made) < 100
    await queue.drain(10)
    assert [int(data) for _, data in broker.made] == list(range(1000))


async def test_queue_refuses_what_is_too_many(world: World, broker: Broker) -> None:
    """A full queue says so, as a temporary error, and takes more once some are made."""
    queue = queue_of(world, async_queue_limit=2)
    add(queue, "a", 1, 2)
    with pytest.raises(CapacityError, match="2 publications of 1028 bytes wait already") as refused:
        add(queue, "b", 3)
    assert refused.value.code.temporary
    await asyncio.sleep(0)
    add(queue, "b", 3)
    await queue.drain(1)

    assert broker.made == [("a", b"1"), ("a", b"2"), ("b", b"3")]


async def test_queue_refuses_what_is_too_large(world: World) -> None:
    """Bytes are bounded, tags included; a single publication of any size is taken all the same."""
    queue = queue_of(world, async_queue_max_size=65536)
    queue.add("a", Raw(b'"%s"' % (b"x" * 100_000)), DEFAULT_TERMS)
    with pytest.raises(CapacityError, match="publish_queue_full"):
        add(queue, "a", 1)
    await queue.drain(1)
    queue.add("a", Raw(b"1"), PublishTerms(tags={"k": "v" * 65_000}))
    with pytest.raises(CapacityError, match="publish_queue_full"):
        add(queue, "a", 1)
    await queue.drain(1)


async def test_queue_refuses_at_once_what_can_be_known(world: World) -> None:
    """A wrong channel, and any once the instance stops, are the caller's to hear."""
    queue = queue_of(world)
    with pytest.raises(ChannelError, match="unknown_channel"):
        add(queue, "nowhere:a", 1)
    world.core.lifecycle.advance(Phase.STOPPING)
    with pytest.raises(LifecycleError, match="shutting_down"):
        add(queue, "a", 1)

    assert len(queue) == 0


async def test_queue_makes_what_was_taken_before_the_stop(world: World) -> None:
    """What was answered is in the history when the drain returns, though nothing new is taken any more."""
    queue = world.core.publish_queue
    add(queue, "a", 1, 2, 3)
    world.core.lifecycle.advance(Phase.STOPPING)
    await queue.drain(5)

    assert (await world.core.read_top("a")).offset == 3


async def test_queue_counts_and_logs_failures(
    world: World, broker: Broker, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each failure is counted by its slug, one log line a second tells how many, and the others are made."""
    queue = queue_of(world)
    unavailable, crashed = counted("broker_unavailable"), counted("internal_error")
    add(queue, "bad", *range(20))
    add(queue, "crash", 1)
    add(queue, "good", 1)
    await queue.drain(5)

    assert (counted("broker_unavailable"), counted("internal_error")) == (unavailable + 20, crashed + 1)
    assert broker.made == [("good", b"1")]
    logged = capsys.readouterr().err
    assert logged.count("async_publications_failed") == 2  # the first at once, the others together
    assert "broker_unavailable" in logged
    assert logged.count("RuntimeError: oops") == 1


async def test_queue_survives_a_broker_that_cancels(world: World, broker: Broker) -> None:
    """Work that a broker cancels by itself is a failure of that publication; its channel and the others go on."""
    queue = queue_of(world)
    before = counted("internal_error")
    for _ in range(2 * WORKERS):
        add(queue, "cancel", 1)
        await asyncio.sleep(0)
    add(queue, "good", 1)
    await queue.drain(5)

    assert counted("internal_error") == before + 2 * WORKERS
    assert broker.made == [("good", b"1")]


async def test_queue_gives_up_on_a_broker_that_hangs(
    world: World, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    """The drain ends in time, and what is lost is counted and logged."""
    broker.wait = lambda: asyncio.sleep(3600)
    queue = queue_of(world)
    lost = counted("shutting_down")
    add(queue, "a", 1, 2)
    add(queue, "b", 3)
    await queue.drain(0.01)
    await queue.drain(0.01)

    assert len(queue) == 0
    assert counted("shutting_down") == lost + 3
    assert capsys.readouterr().err.count("async_publications_lost") == 1
