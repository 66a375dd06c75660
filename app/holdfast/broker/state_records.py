"""What a file of shared state says: the records of a snapshot, and those of what only a shared broker has.

Times are seconds of the wall clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from msgspec import Struct, msgpack

from holdfast.broker.records import (
    Begin,
    KeptInfo,
    KeptPublication,
    KeptPublications,
    KeptResult,
    KeptSession,
    KeptStream,
)
from holdfast.broker.snapshot_file import DamagedError, read_records

# A record of publications ends at this size, so that neither writer nor reader asks for much memory at once.
_RECORD_BYTES = 131072


class Origin(Struct, array_like=True, gc=False, tag=5):
    """Follows the opening: where the state comes from, and a name that no other export has."""

    prefix: str
    mode: str
    export: str


class KeptRow(Struct, array_like=True, gc=False, tag=6):
    """A value of a small table."""

    table: str
    name: str
    value: bytes
    expires_at: float


class KeptPresence(Struct, array_like=True, gc=False, tag=7):
    """A client that is present in a channel."""

    channel: str
    info: KeptInfo
    expires_at: float


class KeptCounter(Struct, array_like=True, gc=False, tag=8):
    """A counter, such as one of failed logins."""

    key: str
    value: int
    expires_at: float


@dataclass(slots=True)
class WholeStream:
    """A stream with all its publications, oldest first."""

    head: KeptStream
    publications: list[KeptPublication] = field(default_factory=list)


Single = Begin | Origin | KeptResult | KeptSession | KeptRow | KeptPresence | KeptCounter
Record = Single | KeptStream | KeptPublications
Item = Single | WholeStream

encode = msgpack.Encoder().encode
_decode = msgpack.Decoder(Record).decode


def records_of(item: Item) -> Iterator[Record]:
    """Yield what stands for an item in a file."""
    if not isinstance(item, WholeStream):
        yield item
        return
    yield item.head
    some: list[KeptPublication] = []
    size = 0
    for publication in item.publications:
        some.append(publication)
        size += len(publication.data)
        if size >= _RECORD_BYTES:
            yield KeptPublications(some)
            some, size = [], 0
    if some:
        yield KeptPublications(some)


def read_items(path: Path) -> Iterator[Item]:
    """Yield what a file says, the opening first; nothing before the whole file was found undamaged.

    Raises:
        OSError: it cannot be read.
        DamagedError: it is no complete file of state, or one of a later version.
    """
    items = _join(_decoded(read_records(path)))
    first = next(items, None)
    if not isinstance(first, Begin):
        raise DamagedError("it has no opening record")
    yield first
    yield from items


def _decoded(found: Iterable[bytes]) -> Iterator[Record]:
    for record in found:
        try:
            yield _decode(record)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise DamagedError(f"it has a record that this version does not know: {error}") from None


def _join(found: Iterable[Record]) -> Iterator[Item]:
    """Yield streams whole."""
    stream: WholeStream | None = None
    for record in found:
        if isinstance(record, KeptPublications):
            if stream is None:
                raise DamagedError("it has publications of no stream")
            stream.publications += record.publications
            continue
        if stream is not None:
            yield _checked(stream)
            stream = None
        if isinstance(record, KeptStream):
            stream = WholeStream(record)
        else:
            yield record
    if stream is not None:
        yield _checked(stream)


def _checked(stream: WholeStream) -> WholeStream:
    if len(stream.publications) > stream.head.top:
        raise DamagedError(f"it has {len(stream.publications)} publications up to offset {stream.head.top}")
    return stream
