"""Streams of publications in memory: offsets, epochs, size and age.

Nothing here waits or knows subscribers. Deadlines are judged when a stream is touched; the sweep only frees memory,
a bounded number of streams at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from holdfast.broker.base import History, HistoryFilter, PublishOptions
from holdfast.broker.expiry import ExpiryQueue
from holdfast.broker.pool import GONE, Pool
from holdfast.broker.stream import Stream, StreamPart, cut_up, is_outdated, new_epoch, select
from holdfast.protocol.messages import Publication, StreamPosition

_LOG_WIDTH_SECONDS = 1.0
_POSITION_WIDTH_SECONDS = 60.0
_EVICTED_AT_ONCE = 256


class HistoryStore:
    """The streams of all channels.

    Args:
        clock: seconds, never going back.
        meta_ttl: seconds a position outlives its last use, where the call names none.
        max_streams: above it the streams that were idle longest go.
        make_epoch: makes the name of a stream's life.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        meta_ttl: float,
        max_streams: int,
        make_epoch: Callable[[], str] = new_epoch,
    ) -> None:
        self._clock = clock
        self._meta_ttl = meta_ttl
        self._max_streams = max_streams
        self._make_epoch = make_epoch
        self._streams: dict[str, Stream] = {}
        self._pool: Pool[Stream] = Pool()
        self._aging: ExpiryQueue[Stream] = ExpiryQueue(_LOG_WIDTH_SECONDS)
        self._idle: ExpiryQueue[Stream] = ExpiryQueue(_POSITION_WIDTH_SECONDS)

    def __len__(self) -> int:
        """Return how many streams are in memory."""
        return len(self._streams)

    def add(self, channel: str, publication: Publication, options: PublishOptions) -> tuple[StreamPosition, bool]:
        """Append the publication, give it its offset, and return the position and whether it was taken.

        It is not taken when its version is not above the last one of the same version epoch.
        """
        now = self._clock()
        stream = self._stream(channel, now, options.history_meta_ttl)
        if options.version > 0 and is_outdated(stream, options):
            return stream.position, False
        if options.version > 0:
            stream.version, stream.version_epoch = options.version, options.version_epoch
        stream.top += 1
        publication.offset = stream.top
        # A decoder's Raw is a view that would keep the whole request alive.
        publication.data = publication.data.copy()
        log = stream.log
        log.append(publication)
        if len(log) > options.history_size:
            del log[: len(log) - options.history_size]
        stream.expires_at = now + options.history_ttl
        # A position never goes before its publications: the same offsets would come again.
        stream.removes_at = max(stream.removes_at, stream.expires_at)
        if not stream.is_queued:
            stream.is_queued = True
            self._aging.add(stream, stream.expires_at)
        return stream.position, True

    def read(self, channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        """Return what the query selects and the top position; an unknown channel gets a position.

        Raises:
            ChannelError: `unrecoverable_position`; see `select`.
        """
        stream = self._stream(channel, self._clock(), meta_ttl)
        return History(select(stream, query), stream.position)

    def remove(self, channel: str) -> None:
        """Forget the channel's publications; position and epoch stay."""
        stream = self._live(channel, self._clock())
        if stream is not None:
            stream.log = []

    def sweep(self, budget: int) -> int:
        """Free what has expired, looking at up to `budget` streams, and return at how many."""
        now = self._clock()
        looked = self._aging.sweep(now, budget, self._visit_log)
        return looked + self._idle.sweep(now, budget - looked, self._visit_position)

    def put(self, stream: Stream) -> None:
        """Enter a restored stream in place of the channel's present one."""
        present = self._streams.get(stream.channel)
        if present is not None:
            self._drop(present)
        self._enter(stream)
        if stream.log:
            stream.is_queued = True
            self._aging.add(stream, stream.expires_at)

    def capture(self, budget: int) -> Iterator[list[StreamPart]]:
        """Yield all streams in slices of at most `budget` (2 or more) streams and publications together.

        The store may change between slices: every stream comes out as it was at one moment of the capture, less
        publications that were cut off meanwhile at its old end.
        """
        batch: list[StreamPart] = []
        weight = 0
        cursor = len(self._pool)
        while (cursor := min(cursor, len(self._pool))) > 0:
            cursor -= 1
            for part in cut_up(self._pool[cursor], budget - 1):
                cost = 1 + len(part.publications)
                if batch and weight + cost > budget:
                    yield batch
                    batch, weight = [], 0
                batch.append(part)
                weight += cost
        if batch:
            yield batch

    # Private methods

    def _stream(self, channel: str, now: float, meta_ttl: float) -> Stream:
        stream = self._live(channel, now)
        if stream is None:
            stream = Stream(channel, self._make_epoch())
            stream.removes_at = now + (meta_ttl or self._meta_ttl)
            self._enter(stream)
        else:
            expires_at = stream.expires_at if stream.log else 0.0
            stream.removes_at = max(now + (meta_ttl or self._meta_ttl), expires_at)
        return stream

    def _live(self, channel: str, now: float) -> Stream | None:
        stream = self._streams.get(channel)
        if stream is None:
            return None
        if now >= stream.removes_at:
            self._drop(stream)
            return None
        if stream.log and now >= stream.expires_at:
            stream.log = []
        return stream

    def _enter(self, stream: Stream) -> None:
        while len(self._streams) >= self._max_streams:
            self._evict()
        self._streams[stream.channel] = stream
        self._pool.add(stream)
        self._idle.add(stream, stream.removes_at)

    def _evict(self) -> None:
        """Drop the streams that would go next anyway, which are those idle longest."""
        at_once = min(_EVICTED_AT_ONCE, max(1, self._max_streams // 100))
        looked_at, streams = self._idle.take(at_once)
        for stream in streams:
            if stream.place == GONE:
                continue
            if stream.removes_at > looked_at:
                self._idle.add(stream, stream.removes_at)  # used since it was queued
            else:
                self._drop(stream)

    def _drop(self, stream: Stream) -> None:
        self._pool.discard(stream)
        del self._streams[stream.channel]

    def _visit_log(self, stream: Stream) -> float | None:
        if stream.place != GONE and stream.log and self._clock() < stream.expires_at:
            return stream.expires_at
        stream.log = []
        stream.is_queued = False
        return None

    def _visit_position(self, stream: Stream) -> float | None:
        if stream.place == GONE:
            return None
        if self._clock() < stream.removes_at:
            return stream.removes_at
        self._drop(stream)
        return None
