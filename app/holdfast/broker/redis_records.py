"""Publications, joins and leaves as bytes: in Redis' streams, and on their way between instances.

A message of a channel begins with a letter that names its kind and its layout; an instance passes over letters that it
does not know, so that a later version can add some.

    p OFFSET : EPOCH : RUN : DELTA : RECORD     a publication; offset 0 and no epoch without history; DELTA 1 or 0
    j INFO   l INFO                             a join, a leave
    e EPOCH                                     the stream began anew
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from msgspec import Raw

from holdfast.protocol.messages import NONE, ClientInfo, Publication

JOIN, LEAVE, NEW_EPOCH, PUBLICATION = b"j", b"l", b"e", b"p"


class _Info(msgspec.Struct, array_like=True, gc=False):
    user: str
    client: str
    conn_info: bytes = b""
    chan_info: bytes = b""


class _Record(msgspec.Struct, array_like=True, gc=False, omit_defaults=True):
    data: bytes
    info: _Info | None = None
    tags: dict[str, str] | None = None


class Head(NamedTuple):
    """What stands before a publication's record in a message."""

    offset: int
    epoch: str
    run: bytes
    use_delta: bool


_encode = msgspec.msgpack.Encoder().encode
_decode_record = msgspec.msgpack.Decoder(_Record).decode
_decode_info = msgspec.msgpack.Decoder(_Info).decode


def encode_info(info: ClientInfo) -> bytes:
    """Return a client's info as bytes."""
    return _encode(_packed(info))


def decode_info(data: bytes) -> ClientInfo:
    """Return what `encode_info` was given.

    Raises:
        msgspec.DecodeError: it is nothing of ours.
    """
    return _unpacked(_decode_info(data))


def encode_publication(publication: Publication) -> bytes:
    """Return a publication without its offset as bytes."""
    info = None if publication.info is None else _packed(publication.info)
    return _encode(_Record(bytes(publication.data), info, publication.tags))


def decode_publication(data: bytes, offset: int) -> Publication:
    """Return what `encode_publication` was given, at an offset.

    Raises:
        msgspec.DecodeError: it is nothing of ours.
    """
    record = _decode_record(data)
    info = record.info
    return Publication(Raw(record.data), None if info is None else _unpacked(info), offset, record.tags)


def decode_message(message: bytes) -> tuple[Head, Publication]:
    """Return a message of the kind `p` in its parts.

    Raises:
        ValueError: it is nothing of ours.
    """
    offset, epoch, run, delta, record = message.split(b":", 4)
    head = Head(int(offset[1:]), epoch.decode("ascii"), run, delta == b"1")
    return head, decode_publication(record, head.offset)


def _packed(info: ClientInfo) -> _Info:
    return _Info(info.user, info.client, bytes(info.conn_info), bytes(info.chan_info))


def _unpacked(info: _Info) -> ClientInfo:
    conn, chan = info.conn_info, info.chan_info
    return ClientInfo(info.user, info.client, Raw(conn) if conn else NONE, Raw(chan) if chan else NONE)
