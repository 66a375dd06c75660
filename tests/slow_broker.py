"""A broker whose every answer takes a while, as a remote one's does: the embedded broker behind random waits."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection
from random import Random

from holdfast.broker.base import (
    Broker,
    BrokerHandler,
    CounterStore,
    History,
    HistoryFilter,
    PresenceStats,
    PublishOptions,
    PublishResult,
    SessionStore,
    TableStore,
    Way,
)
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition

Event = tuple[str, str, tuple[object, ...]]


class SlowBroker:
    """Waits up to `most` turns of the loop before and after each call, and delivers later than it answers.

    What is published reaches the handler in order, some turns later, and only for channels that are subscribed to, as
    over a network. With `failing`, that part of the calls raises `broker_unavailable`, before or after its effect;
    with `losing`, that part of what is published is lost on its way without a word. `cut` loses all, until `heal`.
    """

    is_shared = True

    def __init__(
        self, inner: Broker, random: Random, *, most: int = 4, failing: float = 0.0, losing: float = 0.0
    ) -> None:
        self._inner = inner
        self._random = random
        self._most = most
        self.failing = failing
        self.losing = losing
        self.is_cut = False
        self._handler: BrokerHandler | None = None
        self.subscribed: Counter[str] = Counter()
        self.under_way: list[Event] = []
        self._deliverer: asyncio.Task[None] | None = None

    # Life

    async def start(self, handler: BrokerHandler) -> None:
        """Begin to serve."""
        self._handler = handler
        await self._inner.start(self)

    async def stop(self) -> None:
        """Stop."""
        await self._inner.stop()

    def cut(self) -> None:
        """Lose the link, and what is on its way."""
        if not self.is_cut:
            self.is_cut = True
            self.under_way.clear()
            self._heard.on_interrupted()

    def heal(self) -> None:
        """Deliver again."""
        if self.is_cut:
            self.is_cut = False
            self._heard.on_resumed([channel for channel, count in self.subscribed.items() if count])

    # What the embedded broker calls

    def on_publication(
        self, channel: str, publication: Publication, position: StreamPosition, use_delta: bool = False
    ) -> None:
        """Send a publication on its way."""
        # Decoded anew by every instance, so never the same object.
        copy = Publication(publication.data, publication.info, publication.offset, publication.tags)
        self._send("publication", channel, copy, position, use_delta)

    def on_join(self, channel: str, info: ClientInfo) -> None:
        """Send a join on its way."""
        self._send("join", channel, info)

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        """Send a leave on its way."""
        self._send("leave", channel, info)

    def on_control(self, message: bytes) -> None:
        """Hand on."""
        self._heard.on_control(message)

    def on_interrupted(self) -> None:
        """Hand on."""

    def on_resumed(self, channels: Collection[str]) -> None:
        """Hand on."""

    # Calls

    @property
    def sessions(self) -> SessionStore:
        """The sessions, without waits."""
        return self._inner.sessions

    @property
    def tables(self) -> TableStore:
        """The tables, without waits."""
        return self._inner.tables

    @property
    def counters(self) -> CounterStore:
        """The counters, without waits."""
        return self._inner.counters

    def trouble(self, way: Way) -> BrokerError | None:
        """Return what is known, which is nothing."""
        return None

    async def send(self, message: bytes, instance: str = "") -> None:
        """Send to an instance."""
        await self._before()
        await self._inner.send(message, instance)

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishResult:
        """Publish."""
        await self._before()
        result = await self._inner.publish(channel, publication, options)
        await self._wait()  # acknowledged publications only, so that a test knows what was published
        return result

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        """Tell of a join."""
        await self._before()
        await self._inner.publish_join(channel, info)
        await self._after()

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        """Tell of a leave."""
        await self._before()
        await self._inner.publish_leave(channel, info)
        await self._after()

    async def subscribe(self, channel: str) -> None:
        """Begin to deliver."""
        await self._before()
        if self.is_cut:
            raise BrokerError("broker_unavailable")
        self.subscribed[channel] += 1
        assert self.subscribed[channel] == 1, "subscribed twice"
        await self._wait()

    async def unsubscribe(self, channel: str) -> None:
        """Stop delivering."""
        await self._wait()
        self.subscribed[channel] -= 1
        assert self.subscribed[channel] == 0, "unsubscribed twice"
        await self._after()

    async def history(self, channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        """Read history."""
        await self._before()
        found = await self._inner.history(channel, query, meta_ttl)
        await self._after()
        return found

    async def reconcile(self, channel: str, seen: StreamPosition) -> None:
        """Compare positions."""
        await self._before()

    async def history_remove(self, channel: str) -> None:
        """Forget the publications."""
        await self._before()
        await self._inner.history_remove(channel)

    async def add_presence(self, channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        """Enter a client."""
        await self._before()
        await self._inner.add_presence(channel, client, info, ttl)
        await self._after()

    async def remove_presence(self, channel: str, client: str) -> None:
        """Remove a client."""
        await self._before()
        await self._inner.remove_presence(channel, client)
        await self._after()

    async def presence(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is present."""
        await self._before()
        return await self._inner.presence(channel)

    async def presence_stats(self, channel: str) -> PresenceStats:
        """Return how many are present."""
        await self._before()
        return await self._inner.presence_stats(channel)

    # Private methods

    async def _wait(self) -> None:
        for _ in range(self._random.randint(0, self._most)):
            await asyncio.sleep(0)

    async def _before(self) -> None:
        await self._wait()
        self._fail()

    async def _after(self) -> None:
        await self._wait()
        self._fail()

    def _fail(self) -> None:
        if self._random.random() < self.failing:
            raise BrokerError("broker_unavailable")

    @property
    def _heard(self) -> BrokerHandler:
        assert self._handler is not None
        return self._handler

    def _send(self, kind: str, channel: str, *what: object) -> None:
        if self.is_cut or (kind == "publication" and self._random.random() < self.losing):
            return
        self.under_way.append((kind, channel, what))
        if self._deliverer is None:
            self._deliverer = asyncio.get_running_loop().create_task(self._deliver())

    async def _deliver(self) -> None:
        while self.under_way:
            await self._wait()
            if not self.under_way:
                break
            kind, channel, what = self.under_way.pop(0)
            if self.subscribed[channel]:
                getattr(self._heard, f"on_{kind}")(channel, *what)
        self._deliverer = None
