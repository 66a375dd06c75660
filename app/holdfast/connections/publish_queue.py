"""Publications that were answered before they are made: in order per channel, bounded, drained at the end."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from msgspec import Raw

from holdfast.connections.publishing import Prepared, Publisher, PublishTerms
from holdfast.errors import CapacityError, GatewayError
from holdfast.settings import ApiSettings
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

# How many channels wait for the broker at the same time, and how many publications each makes before others get their
# turn of the event loop: together as many as any other request makes.
WORKERS = 16
SLICE = 8
# What an item takes beside its texts, so that a million of empty ones has a size too.
_ITEM_BYTES = 512
# A broker that is away fails thousands in a second; one line tells of all of them.
_LOG_EVERY_SECONDS = 1.0

_made = metrics.ASYNC_PUBLICATIONS.labels("ok")


class _Item(NamedTuple):
    prepared: Prepared
    size: int


class PublishQueue:
    """Makes publications behind the back of whoever was answered.

    One that was taken is made, or counted and logged as failed; only the end of the process loses it without a word.

    Args:
        publisher: prepares and makes them.
        settings: how many and how large.
        clock: monotonic seconds.
        loop: runs the work.
    """

    def __init__(
        self,
        publisher: Publisher,
        settings: ApiSettings,
        clock: Callable[[], float],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._publisher = publisher
        self._limit = settings.async_queue_limit
        self._max_size = settings.async_queue_max_size
        self._clock = clock
        self._loop = loop
        self._count = 0
        self._size = 0
        self._channels: dict[str, deque[_Item]] = {}
        self._ready: deque[str] = deque()  # channels that wait for a worker
        self._workers: set[asyncio.Task[None]] = set()
        self._unreported = 0
        self._reported_at = -_LOG_EVERY_SECONDS
        self._last_failure: dict[str, str] = {}

    def __len__(self) -> int:
        """Return how many publications wait, those being made included."""
        return self._count

    # Public methods

    def add(self, channel: str, data: Raw, terms: PublishTerms, *, is_json: bool = True) -> None:
        """Take a publication; it is made behind those of its channel that were taken before.

        An empty queue takes one of any size.

        Raises:
            CapacityError: `publish_queue_full`.
            ChannelError, LifecycleError, ProtocolError: as `Publisher.publish`.
        """
        prepared = self._publisher.prepare(channel, data, terms, is_json=is_json)
        size = _ITEM_BYTES + len(channel) + len(data) + sum(len(k) + len(v) for k, v in (terms.tags or {}).items())
        if self._count >= self._limit or (self._count and self._size + size > self._max_size):
            detail = f"{self._count} publications of {self._size} bytes wait already."
            raise CapacityError("publish_queue_full", detail)
        self._count += 1
        self._size += size
        queue = self._channels.get(channel)
        if queue is None:
            queue = self._channels[channel] = deque()
            self._ready.append(channel)
            if len(self._workers) < WORKERS:
                self._workers.add(self._loop.create_task(self._work()))
        queue.append(_Item(prepared, size))

    async def drain(self, timeout: float) -> None:
        """Return when all has been made, or lose what is left after `timeout` seconds, counted and logged."""
        if self._workers:
            await asyncio.wait(self._workers, timeout=timeout)
        for task in self._workers:
            task.cancel()
        if self._workers:
            await asyncio.wait(self._workers)
        self._workers.clear()
        if self._count:
            metrics.ASYNC_PUBLICATIONS.labels("shutting_down").inc(self._count)
            _log.error("async_publications_lost", count=self._count, channels=len(self._channels), seconds=timeout)
        self._channels.clear()
        self._ready.clear()
        self._count = self._size = 0

    # Private methods

    async def _work(self) -> None:
        while self._ready:
            channel = self._ready.popleft()
            queue = self._channels[channel]
            for _ in range(min(SLICE, len(queue))):
                await self._make(queue[0].prepared)
                item = queue.popleft()
                self._count -= 1
                self._size -= item.size
            if queue:
                self._ready.append(channel)
            else:
                del self._channels[channel]
            await asyncio.sleep(0)
        # Not later, by a callback of the task: who adds something meanwhile would count on a worker that is none.
        self._workers.discard(_this_task())
        if self._unreported:
            self._report()

    async def _make(self, prepared: Prepared) -> None:
        try:
            await self._publisher.make(prepared)
        except GatewayError as error:
            self._fail(prepared.channel, error.slug, error.detail)
        except (Exception, asyncio.CancelledError):  # the boundary of one publication: the others must be made
            # A broker that was cancelled by itself, as by a pool that closes, must not take the worker with it.
            if _this_task().cancelling():
                raise
            _log.exception("async_publication_crashed", channel=prepared.channel)
            self._fail(prepared.channel, "internal_error", "see the traceback")
        else:
            _made.inc()

    def _fail(self, channel: str, slug: str, detail: str) -> None:
        metrics.ASYNC_PUBLICATIONS.labels(slug).inc()
        self._unreported += 1
        self._last_failure = {"slug": slug, "channel": channel, "detail": detail}
        if self._clock() - self._reported_at >= _LOG_EVERY_SECONDS:
            self._report()

    def _report(self) -> None:
        _log.warning("async_publications_failed", count=self._unreported, **self._last_failure)
        self._unreported = 0
        self._reported_at = self._clock()


def _this_task() -> asyncio.Task[Any]:
    return cast("asyncio.Task[Any]", asyncio.current_task())
