from __future__ import annotations

import asyncio

import pytest

from holdfast.connections.feed import Feed
from holdfast.errors import BrokerError


class SlowBroker:
    """A broker whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fails = False

    async def subscribe(self, channel: str) -> None:
        """Note it, wait, perhaps fail."""
        self.calls.append(f"+{channel}")
        await self.gate.wait()
        if self.fails:
            raise BrokerError("broker_unavailable")

    async def unsubscribe(self, channel: str) -> None:
        """Note it and wait."""
        self.calls.append(f"-{channel}")
        await self.gate.wait()


@pytest.fixture
def broker() -> SlowBroker:
    """A broker."""
    return SlowBroker()


async def test_acquire_asks_the_broker_once(broker: SlowBroker) -> None:
    """Only the first user of a channel asks, only the last one's end tells."""
    feed = Feed(broker)  # type: ignore[arg-type]  # only what a feed needs
    await feed.acquire("news")
    await feed.acquire("news")
    await feed.release("news")
    assert broker.calls == ["+news"]
    await feed.release("news")
    await feed.release("news")

    assert broker.calls == ["+news", "-news"]
    assert len(feed) == 0


async def test_acquire_waits_for_the_one_under_way(broker: SlowBroker) -> None:
    """A second user does not go on before the broker has answered the first."""
    feed = Feed(broker)  # type: ignore[arg-type]  # only what a feed needs
    broker.gate.clear()
    first = asyncio.create_task(feed.acquire("news"))
    second = asyncio.create_task(feed.acquire("news"))
    await asyncio.sleep(0)
    assert not second.done()
    broker.gate.set()
    await asyncio.gather(first, second)

    assert broker.calls == ["+news"]


async def test_release_during_acquire_leaves_nothing(broker: SlowBroker) -> None:
    """Whatever the interleaving, the broker ends where the count ends."""
    feed = Feed(broker)  # type: ignore[arg-type]  # only what a feed needs
    broker.gate.clear()
    first = asyncio.create_task(feed.acquire("news"))
    await asyncio.sleep(0)
    leaving = asyncio.create_task(feed.release("news"))
    await asyncio.sleep(0)
    broker.gate.set()
    await asyncio.gather(first, leaving)

    assert broker.calls == ["+news", "-news"]
    assert len(feed) == 0


async def test_acquire_that_fails_leaves_nothing(broker: SlowBroker) -> None:
    """A broker that refuses leaves no use behind, and the next one asks again."""
    feed = Feed(broker)  # type: ignore[arg-type]  # only what a feed needs
    broker.fails = True
    with pytest.raises(BrokerError):
        await feed.acquire("news")
    assert len(feed) == 0
    broker.fails = False
    await feed.acquire("news")

    assert broker.calls == ["+news", "+news"]


async def test_release_that_fails_leaves_nothing(broker: SlowBroker) -> None:
    """A broker that will not stop delivering costs an error, not a channel that stays for ever."""

    async def fails(channel: str) -> None:
        raise BrokerError("broker_unavailable")

    feed = Feed(broker)  # type: ignore[arg-type]  # only what a feed needs
    await feed.acquire("news")
    broker.unsubscribe = fails  # type: ignore[method-assign]  # the broker goes away
    with pytest.raises(BrokerError):
        await feed.release("news")

    assert len(feed) == 0
