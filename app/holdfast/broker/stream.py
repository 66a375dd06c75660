"""One channel's stream in memory: its state, what a question selects of it, and its capture in parts."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from typing import NamedTuple

from holdfast.broker.base import NO_POSITION, HistoryFilter, PublishOptions
from holdfast.broker.pool import GONE
from holdfast.errors import ChannelError
from holdfast.protocol.messages import Publication, StreamPosition

_RESTARTS_BEFORE_COPY = 3


def new_epoch() -> str:
    """Return 8 random characters that name one life of a stream."""
    return base64.b32encode(os.urandom(5)).decode("ascii").lower()


class Stream:
    """One channel's publications, oldest first and without a gap, and its position.

    `log` is replaced, never emptied in place, when the publications go.
    """

    __slots__ = (
        "channel",
        "epoch",
        "expires_at",
        "is_queued",
        "log",
        "place",
        "removes_at",
        "top",
        "version",
        "version_epoch",
    )

    def __init__(self, channel: str, epoch: str) -> None:
        self.channel = channel
        self.epoch = epoch
        self.top = 0
        self.log: list[Publication] = []
        self.version = 0
        self.version_epoch = ""
        self.expires_at = 0.0
        self.removes_at = 0.0
        self.is_queued = False
        self.place = GONE

    @property
    def position(self) -> StreamPosition:
        """The offset of the newest publication ever added, and the epoch."""
        return StreamPosition(self.top, self.epoch)

    @property
    def first(self) -> int:
        """The offset of the oldest publication still there; one above the top when there is none."""
        return self.top - len(self.log) + 1


class StreamHead(NamedTuple):
    """A stream without its publications, as it was at one moment; deadlines by the store's clock."""

    channel: str
    epoch: str
    top: int
    version: int
    version_epoch: str
    expires_at: float
    removes_at: float


class StreamPart(NamedTuple):
    """What one slice of a capture saw of a stream.

    With a head it begins the stream and overrules what came for the channel before; without, its publications follow
    those of the part before.
    """

    head: StreamHead | None
    publications: list[Publication]


def select(stream: Stream, query: HistoryFilter) -> list[Publication]:
    """Return the publications a query selects, in its order.

    Raises:
        ChannelError: `unrecoverable_position`, when `since` is of another epoch, or, going forward, not a position
            from which every later publication is still there. An empty epoch is that of today; offset 0 without an
            epoch is no position but the beginning.
    """
    since, log = query.since, stream.log
    if since is not None:
        _check_position(stream, since, query.reverse)
    limit = len(log) if query.limit < 0 else query.limit
    if query.reverse:
        end = len(log) if since is None else min(max(since.offset - stream.first, 0), len(log))
        return log[max(end - limit, 0) : end][::-1]
    start = 0 if since is None else max(since.offset + 1 - stream.first, 0)
    return log[start : start + limit]


def _check_position(stream: Stream, since: StreamPosition, reverse: bool) -> None:
    if since.epoch and since.epoch != stream.epoch:
        raise ChannelError(
            "unrecoverable_position",
            f"the stream's epoch is {stream.epoch}, the question is about {since.epoch!r}",
        )
    if since == NO_POSITION:
        return
    if not reverse and not stream.first - 1 <= since.offset <= stream.top:
        raise ChannelError(
            "unrecoverable_position",
            f"expected an offset from {stream.first - 1} to {stream.top}, got {since.offset}",
        )


def is_outdated(stream: Stream, options: PublishOptions) -> bool:
    """Tell whether a publication's version is not above the last one of the same version epoch."""
    same_epoch = not options.version_epoch or options.version_epoch == stream.version_epoch
    return same_epoch and options.version <= stream.version


def _head_of(stream: Stream) -> StreamHead:
    return StreamHead(
        stream.channel,
        stream.epoch,
        stream.top,
        stream.version,
        stream.version_epoch,
        stream.expires_at,
        stream.removes_at,
    )


def cut_up(stream: Stream, limit: int) -> Iterator[StreamPart]:
    """Cut one stream into parts of up to `limit` publications; between two of them it may be trimmed or emptied.

    All parts after the last head make one state of the stream without a gap.
    """
    restarts = 0
    while True:
        # A stream that is trimmed faster than it can be walked is copied whole at last.
        size = limit if restarts < _RESTARTS_BEFORE_COPY else len(stream.log)
        top, following = stream.top, stream.first
        head: StreamHead | None = _head_of(stream)
        while following >= stream.first:
            start = following - stream.first
            publications = stream.log[start : min(start + size, top - stream.first + 1)]
            following += len(publications)
            yield StreamPart(head, publications)
            if following > top:
                return
            head = None
        restarts += 1
