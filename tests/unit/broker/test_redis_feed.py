from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import pytest
from redis.exceptions import MovedError

from holdfast.broker import redis_feed
from holdfast.broker.redis_connect import Address
from holdfast.broker.redis_feed import RedisFeed
from holdfast.broker.redis_outage import Outages
from holdfast.errors import BrokerError
from tests.brokers import turn_until

A, B = Address("a", 1), Address("b", 2)


class Line:
    """A connection that subscribes to what it has."""

    def __init__(self, address: Address, refuses: set[bytes]) -> None:
        self.address = address
        self.refuses = refuses
        self.channels: set[bytes] = set()
        self.failure: BrokerError | None = None
        self.pings = 0
        self.on_lost: Callable[[Collection[bytes], BrokerError | None], object] = lambda channels, reason: None

    async def subscribe(self, channels: list[bytes]) -> None:
        """Subscribe."""
        await asyncio.sleep(0)
        if self.refuses & set(channels):
            raise MovedError("1 b:2")
        self.channels |= set(channels)

    def unsubscribe(self, channel: bytes) -> None:
        """Unsubscribe."""
        self.channels.discard(channel)

    def ping(self) -> None:
        """Count."""
        self.pings += 1

    def drop(self, error: BrokerError) -> None:
        """End."""
        self.lose(error)

    def lose(self, error: BrokerError | None = None) -> None:
        """End."""
        self.failure = error or BrokerError("broker_unavailable", "reset")
        channels, self.channels = self.channels, set()
        self.on_lost(channels, self.failure)

    async def close(self) -> None:
        """End."""
        self.failure = BrokerError("broker_unavailable", "stopped")


class Topology:
    """Says where everything is."""

    is_sharded = True

    def __init__(self) -> None:
        self.address = A

    def forget(self, address: Address) -> None:
        """Do nothing."""

    def move(self, slot: int, address: Address) -> None:
        """Believe it."""
        self.address = address


class World:
    """A feed on lines that are given by a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.topology = Topology()
        self.outages = Outages()
        self.lines: list[Line] = []
        self.is_down = False
        self.refused_at_a: set[bytes] = set()
        self.interruptions = 0
        self.resumed: list[set[bytes]] = []
        self.feed = RedisFeed(self, pick=lambda: 0.0)
        self.feed.on_interrupted = self._interrupt
        self.feed.on_resumed = lambda channels: self.resumed.append(set(channels))
        monkeypatch.setattr(self.feed, "_open", self._open)

    async def locate(self, channel: bytes) -> Address:
        """Return the only server."""
        return self.topology.address

    def _interrupt(self) -> None:
        self.interruptions += 1

    async def _open(self, address: Address) -> Line:
        if self.is_down:
            raise BrokerError("broker_unavailable", "refused", is_undone=True)
        line = Line(address, self.refused_at_a if address == A else set())
        line.on_lost = lambda channels, reason: self.feed._lose(address, channels, reason)
        self.lines.append(line)
        return line


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a feed."""
    return World(monkeypatch)


def nothing(channel: bytes, message: bytes) -> None:
    """Take a message."""


async def test_channel_is_listened_to_where_it_moved(world: World):
    """A redirection is followed, and the caller does not notice."""
    world.refused_at_a = {b"x"}
    await world.feed.listen(b"x", nothing)

    assert [(line.address, line.channels) for line in world.lines] == [(A, set()), (B, {b"x"})]
    await world.feed.ignore(b"x")
    assert not world.lines[1].channels
    await world.feed.stop()


async def test_refused_channel_is_not_listened_to(world: World):
    """The caller knows, and it does not come back by itself."""
    world.is_down = True
    with pytest.raises(BrokerError, match="broker_unavailable") as refused:
        await world.feed.listen(b"x", nothing)

    assert refused.value.is_undone
    assert not world.feed._handlers
    await world.feed.stop()


async def test_lost_channels_are_listened_to_again(world: World):
    """Interrupted is told once, resumed for each channel that is still wanted; meanwhile there is a cause."""
    await world.feed.start()
    for channel in (b"x", b"y"):
        await world.feed.listen(channel, nothing)
    world.is_down = True
    world.lines[0].lose()
    await world.feed.ignore(b"y")
    await turn_until(lambda: world.feed.state.failure)
    world.is_down = False
    await turn_until(lambda: world.resumed)

    assert world.interruptions == 1
    await turn_until(lambda: world.feed.state.failure is None)
    assert world.resumed == [{b"x"}]
    assert world.lines[1].channels == {b"x"}
    await world.feed.stop()


async def test_channels_lost_again_at_once_are_listened_to_again(world: World, monkeypatch: pytest.MonkeyPatch):
    """A connection may end between the server's word and whoever waits for it, and nobody else would notice."""
    await world.feed.start()
    await world.feed.listen(b"x", nothing)
    subscribe = Line.subscribe

    async def subscribe_and_lose(line: Line, channels: list[bytes]) -> None:
        await subscribe(line, channels)
        if len(world.lines) == 2:
            line.lose()

    monkeypatch.setattr(Line, "subscribe", subscribe_and_lose)
    world.lines[0].lose()
    await turn_until(lambda: world.resumed)

    assert world.resumed == [{b"x"}]
    assert [line.channels for line in world.lines] == [set(), set(), {b"x"}]
    await world.feed.stop()


async def test_watch_over_connections_survives_a_bug(world: World, monkeypatch: pytest.MonkeyPatch):
    """Whatever fails while channels are restored or connections looked at, it is done again."""
    monkeypatch.setattr(redis_feed, "PING_SECONDS", 0.001)
    failures = [ValueError("a bug"), ValueError("another")]
    ping, open_ = Line.ping, world.feed._open

    def fail_once(line: Line) -> None:
        if len(failures) == 2:
            raise failures.pop()
        ping(line)

    async def open_or_fail(address: Address) -> Line:
        if len(failures) == 1 and world.lines:
            raise failures.pop()
        return await open_(address)

    monkeypatch.setattr(Line, "ping", fail_once)
    monkeypatch.setattr(world.feed, "_open", open_or_fail)
    await world.feed.start()
    await world.feed.listen(b"x", nothing)
    await turn_until(lambda: len(failures) == 1)
    world.lines[0].lose()
    await turn_until(lambda: world.resumed)
    await turn_until(lambda: world.lines[1].pings)

    assert not failures
    await world.feed.stop()


async def test_channel_whose_slot_moved_is_resumed_elsewhere(world: World):
    """The others stay where they are."""
    await world.feed.start()
    for channel in (b"x", b"y"):
        await world.feed.listen(channel, nothing)
    world.topology.address = B
    world.lines[0].channels.discard(b"x")
    world.lines[0].on_lost([b"x"], None)
    await turn_until(lambda: world.resumed)

    assert [line.channels for line in world.lines] == [{b"y"}, {b"x"}]
    await world.feed.stop()


async def test_server_that_is_no_master_any_more_is_left(world: World):
    """What was listened to there is listened to where the keys are now."""
    await world.feed.start()
    await world.feed.listen(b"x", nothing)
    world.topology.address = B
    world.feed.leave(B)
    world.feed.leave(A)
    await turn_until(lambda: world.resumed)

    assert world.lines[1].address == B
    await world.feed.stop()


async def test_lines_are_pinged(world: World, monkeypatch: pytest.MonkeyPatch):
    """One that died without a word is found by that."""
    monkeypatch.setattr(redis_feed, "PING_SECONDS", 0.001)
    await world.feed.start()
    await world.feed.listen(b"x", nothing)
    await turn_until(lambda: world.lines[0].pings > 1)
    await world.feed.stop()

    assert world.lines[0].failure is not None
