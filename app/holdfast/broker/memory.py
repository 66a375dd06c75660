"""The embedded broker: everything in this process's memory, for one instance.

Its methods never suspend once it has started, and subscribers are called before `publish` returns.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine

from holdfast.broker.base import (
    NO_POSITION,
    BrokerHandler,
    History,
    HistoryFilter,
    PresenceStats,
    PublishOptions,
    PublishResult,
    Way,
)
from holdfast.broker.counters import MemoryCounters
from holdfast.broker.history import HistoryStore
from holdfast.broker.presence import PresenceStore
from holdfast.broker.results import ResultCache
from holdfast.broker.sessions import MemorySessions
from holdfast.broker.snapshot import Kept, Snapshots
from holdfast.broker.tables import MemoryTables
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition
from holdfast.settings import Settings
from holdfast.telemetry import metrics

# Each wake-up of an idle process costs more than what it does; once a second is often enough to free memory.
SWEEP_SECONDS = 1.0
SWEEP_BUDGET = 4000
"""Items one sweep looks at: at most a few milliseconds, and 4,000 a second."""


class MemoryBroker:
    """A `Broker` of one process.

    Args:
        settings: its `broker` branch, and how long positions are kept.
        clock: seconds, never going back.
        wall_clock: seconds since 1970, for deadlines over a restart.
    """

    is_shared = False

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        is_binary: Callable[[str], bool] = lambda channel: True,
        instance: str = "",
    ) -> None:
        self._instance = instance
        self._settings = settings.broker
        self._handler: BrokerHandler | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._history = HistoryStore(
            clock, meta_ttl=settings.channel.history_meta_ttl, max_streams=self._settings.max_streams
        )
        self._results = ResultCache(clock, self._settings.idempotency_limit)
        self._presence = PresenceStore(clock)
        self.sessions = MemorySessions(clock)
        self.tables = MemoryTables(clock)
        self.counters = MemoryCounters(clock)
        self._snapshots: Snapshots | None = None
        if self._settings.snapshot_path is not None:
            self._snapshots = Snapshots(
                self._settings.snapshot_path,
                Kept(self._history, self._results, self.sessions),
                clock=clock,
                wall_clock=wall_clock,
                is_binary=is_binary,
            )

    # Public methods: life

    def trouble(self, way: Way) -> BrokerError | None:
        """Return none: nothing is between."""
        return None

    async def start(self, handler: BrokerHandler) -> None:
        """Restore the snapshot and begin to serve.

        Raises:
            ConfigError: the snapshot's file cannot be this instance's.
        """
        if self._snapshots is not None:
            self._snapshots.restore()
            if self._settings.snapshot_interval > 0:
                self._begin(self._snapshots.write_at_interval(self._settings.snapshot_interval))
        metrics.SESSIONS.read_from(lambda: len(self.sessions))
        metrics.BROKER_STREAMS.read_from(lambda: len(self._history))
        metrics.BROKER_UP.set(1)
        self._begin(self._sweep_forever())
        self._handler = handler

    async def stop(self) -> None:
        """Take no more publications and write the snapshot that keeps the epochs; a second call does nothing."""
        if self._handler is None:
            return
        self._handler = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._snapshots is not None:
            try:
                await self._snapshots.write(clean=True)
            finally:
                self._snapshots.close()

    def sweep(self, budget: int) -> int:
        """Free what has expired, looking at up to `budget` items, and return at how many."""
        looked = self._history.sweep(budget)
        looked += self._results.sweep(budget - looked)
        looked += self.sessions.sweep(budget - looked)
        return looked + self._presence.sweep(budget - looked)

    # Public methods: publications

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishResult:
        """Publish; see `Broker.publish`."""
        handler = self._serving()
        key = options.idempotency_key
        if key and (first := self._results.get(channel, key)) is not None:
            return PublishResult(first, suppressed=True)
        position = NO_POSITION
        if options.keeps_history:
            position, is_new = self._history.add(channel, publication, options)
            if not is_new:
                return PublishResult(position, suppressed=True)
        if key:
            self._results.put(channel, key, position, options.idempotency_ttl or self._settings.idempotency_ttl)
        handler.on_publication(channel, publication, position, options.use_delta)
        return PublishResult(position)

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        """Tell the channel's subscribers that somebody joined."""
        self._serving().on_join(channel, info)

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        """Tell the channel's subscribers that somebody left."""
        self._serving().on_leave(channel, info)

    async def subscribe(self, channel: str) -> None:
        """Do nothing: every publication of this process comes to the handler anyway."""

    async def unsubscribe(self, channel: str) -> None:
        """Do nothing; see `subscribe`."""

    # Public methods: history and presence

    async def history(self, channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        """Return publications and the top position; see `Broker.history`."""
        self._serving()
        return self._history.read(channel, query, meta_ttl)

    async def reconcile(self, channel: str, seen: StreamPosition) -> None:
        """Do nothing: what one process has seen it has."""

    async def history_remove(self, channel: str) -> None:
        """Forget the publications; position and epoch stay."""
        self._serving()
        self._history.remove(channel)

    async def add_presence(self, channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        """Enter or refresh a client for `ttl` seconds."""
        self._presence.add(channel, client, info, ttl)

    async def remove_presence(self, channel: str, client: str) -> None:
        """Remove a client; an unknown one is no error."""
        self._presence.remove(channel, client)

    async def presence(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is present, by client id."""
        return self._presence.get(channel)

    async def presence_stats(self, channel: str) -> PresenceStats:
        """Return how many are present."""
        return self._presence.stats(channel)

    async def send(self, message: bytes, instance: str = "") -> None:
        """Give a message to the one instance there is; one for another has nobody to get it."""
        if not instance or instance == self._instance:
            self._serving().on_control(message)

    # Private methods

    def _serving(self) -> BrokerHandler:
        if self._handler is None:
            raise BrokerError("broker_unavailable", "the broker has not started or has stopped", is_undone=True)
        return self._handler

    def _begin(self, work: Coroutine[object, None, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def _sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep(SWEEP_BUDGET)
