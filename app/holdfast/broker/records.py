"""What a snapshot says, record by record, and how the stores' objects become records and come back.

Times are seconds of the wall clock, the only one that goes on while the process does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Raw, Struct, msgpack

from holdfast.broker.results import Result
from holdfast.broker.sessions import StoredSession
from holdfast.broker.stream import Stream, StreamHead, StreamPart
from holdfast.protocol.messages import NONE, ClientInfo, Publication, StreamPosition

# A record of publications ends at this size: encoding holds the interpreter lock, and nobody may wait long for it.
_RECORD_BYTES = 131072


class Begin(Struct, array_like=True, gc=False, tag=0):
    """Opens a snapshot."""

    saved_at: float
    version: str


class KeptResult(Struct, array_like=True, gc=False, tag=1):
    """The result of a publication with an idempotency key."""

    channel: str
    key: str
    offset: int
    epoch: str
    expires_at: float


class KeptStream(Struct, array_like=True, omit_defaults=True, gc=False, tag=2):
    """Begins a stream; overrules an earlier one of the same channel.

    `formers` are epochs whose positions are valid in this one up to an offset, as `EPOCH:OFFSET` with blanks between.
    """

    channel: str
    epoch: str
    top: int
    version: int
    version_epoch: str
    expires_at: float
    removes_at: float
    formers: str = ""


class KeptInfo(Struct, array_like=True, gc=False):
    """Who published."""

    user: str
    client: str
    conn_info: bytes
    chan_info: bytes


class KeptPublication(Struct, array_like=True, omit_defaults=True, gc=False):
    """One publication; its offset follows from the stream's top and the number of publications."""

    data: bytes
    tags: dict[str, str] | None = None
    info: KeptInfo | None = None


class KeptPublications(Struct, array_like=True, gc=False, tag=3):
    """Publications of the stream before, oldest first, following those that came already."""

    publications: list[KeptPublication]


class KeptSession(Struct, array_like=True, gc=False, tag=4):
    """A session of the login."""

    owner: str
    session: str
    value: bytes
    expires_at: float


Record = Begin | KeptResult | KeptStream | KeptPublications | KeptSession

encode = msgpack.Encoder().encode
decode = msgpack.Decoder(Record).decode


def result_records(results: Iterable[Result], shift: float) -> Iterator[KeptResult]:
    """Turn results into records; `shift` is wall clock minus the store's clock."""
    for result in results:
        offset, epoch = result.position
        yield KeptResult(result.channel, result.key, offset, epoch, result.expires_at + shift)


def session_records(sessions: Iterable[StoredSession], shift: float) -> Iterator[KeptSession]:
    """Turn sessions into records; `shift` is wall clock minus the store's clock."""
    for one in sessions:
        yield KeptSession(one.owner, one.session, one.value, one.expires_at + shift)


def stream_records(parts: Iterable[StreamPart], shift: float) -> Iterator[KeptStream | KeptPublications]:
    """Turn captured parts into records of bounded size; `shift` is wall clock minus the store's clock."""
    for head, publications in parts:
        if head is not None:
            yield _keep_head(head, shift)
        kept: list[KeptPublication] = []
        size = 0
        for publication in publications:
            kept.append(keep_publication(publication))
            size += len(publication.data)
            if size >= _RECORD_BYTES:
                yield KeptPublications(kept)
                kept, size = [], 0
        if kept:
            yield KeptPublications(kept)


class Reader:
    """Takes records in and gives streams and results back, leaving out what has expired.

    Args:
        now: the store's clock.
        wall_now: the wall clock at the same moment.
    """

    def __init__(self, now: float, wall_now: float) -> None:
        self.saved_at: float | None = None
        self._now = now
        self._wall_now = wall_now
        self._streams: dict[str, Stream] = {}
        self._results: list[Result] = []
        self._sessions: list[StoredSession] = []
        self._open: Stream | None = None

    def take(self, record: Record) -> None:
        """Take the next record.

        Raises:
            ValueError: the record cannot stand here.
        """
        if isinstance(record, Begin) != (self.saved_at is None):
            raise ValueError("expected one opening record, at the beginning")
        if isinstance(record, KeptPublications):
            if self._open is None:
                raise ValueError("expected a stream before its publications")
            self._open.log.extend(map(publication_of, record.publications))
        elif isinstance(record, KeptStream):
            self._open = self._streams[record.channel] = self._stream(record)
        elif isinstance(record, KeptResult):
            position = StreamPosition(record.offset, record.epoch)
            self._results.append(Result(record.channel, record.key, position, self._here(record.expires_at)))
        elif isinstance(record, KeptSession):
            expires_at = self._here(record.expires_at)
            self._sessions.append(StoredSession(record.owner, record.session, record.value, expires_at))
        else:
            self.saved_at = record.saved_at

    def streams(self) -> list[Stream]:
        """Return the streams whose position is still alive, without publications that are too old.

        Raises:
            ValueError: a stream has more publications than its top allows.
        """
        return [_finish(stream, self._now) for stream in self._streams.values() if stream.removes_at > self._now]

    def sessions(self) -> list[StoredSession]:
        """Return the sessions that are still alive."""
        return [one for one in self._sessions if one.expires_at > self._now]

    def results(self) -> list[Result]:
        """Return the results that are still alive."""
        return [result for result in self._results if result.expires_at > self._now]

    # Private methods

    def _here(self, moment: float) -> float:
        """Turn a wall-clock deadline into one of the store's clock.

        A wall clock that was set back must not give anything a longer life than it had when it was saved.
        """
        return self._now + moment - max(self._wall_now, self.saved_at or 0.0)

    def _stream(self, record: KeptStream) -> Stream:
        stream = Stream(record.channel, record.epoch)
        stream.top = record.top
        stream.version = record.version
        stream.version_epoch = record.version_epoch
        stream.expires_at = self._here(record.expires_at)
        stream.removes_at = self._here(record.removes_at)
        return stream


def _finish(stream: Stream, now: float) -> Stream:
    if stream.first < 1:
        raise ValueError(f"{len(stream.log)} publications up to offset {stream.top}")
    if stream.expires_at <= now:
        stream.log = []
    for offset, publication in enumerate(stream.log, stream.first):
        publication.offset = offset
    return stream


def _keep_head(head: StreamHead, shift: float) -> KeptStream:
    return KeptStream(
        head.channel,
        head.epoch,
        head.top,
        head.version,
        head.version_epoch,
        head.expires_at + shift,
        head.removes_at + shift,
    )


def keep_publication(publication: Publication) -> KeptPublication:
    """Return a publication as it is kept; its offset is not."""
    info = publication.info
    return KeptPublication(
        bytes(publication.data),
        publication.tags,
        None if info is None else KeptInfo(info.user, info.client, bytes(info.conn_info), bytes(info.chan_info)),
    )


def publication_of(kept: KeptPublication) -> Publication:
    """Return a publication that was kept, without its offset."""
    info = kept.info
    return Publication(
        _raw(kept.data),
        None if info is None else ClientInfo(info.user, info.client, _raw(info.conn_info), _raw(info.chan_info)),
        tags=kept.tags,
    )


def _raw(data: bytes) -> Raw:
    """Return a payload; the encoder leaves out only `NONE` and would write nothing for any other empty one."""
    return Raw(data) if data else NONE
