"""History in Redis: reading streams, forgetting them, and finding out those that went back."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from holdfast.broker.base import History, HistoryFilter
from holdfast.broker.redis_link import RedisLink
from holdfast.broker.redis_records import decode_publication
from holdfast.broker.redis_scripts import HISTORY, RECONCILE, REMOVE
from holdfast.broker.redis_seen import Seen, SeenPositions
from holdfast.broker.redis_wire import Argument
from holdfast.broker.stream import new_epoch
from holdfast.errors import BrokerError, ChannelError
from holdfast.protocol.messages import Publication, StreamPosition

# Above it an offset is no offset of ours; Redis' ids end not far beyond.
_MOST_OFFSET = 2**53
# Reading goes by a lane of its own: a long history holds up no publication.
LANE = "read"


class HistoryReader:
    """Streams of channels.

    Args:
        link: the way to Redis.
        seen: told of each position; what it remembers goes along with each question, for a stream that lacks it.
        meta_ttl: seconds a position outlives its last use, where the call names none.
    """

    def __init__(self, link: RedisLink, seen: SeenPositions, meta_ttl: float) -> None:
        self._link = link
        self._seen = seen
        self._meta_ttl = meta_ttl

    async def read(self, channel: str, query: HistoryFilter, meta_ttl: float) -> History:
        """Return publications and the top; see `Broker.history`."""
        keys, since = self._link.keys, query.since
        args: list[Argument] = [
            *self._first_args(channel),
            round((meta_ttl or self._meta_ttl) * 1000),
            *self._seen_args(channel),
            query.limit,
            int(query.reverse),
            "" if since is None else min(since.offset, _MOST_OFFSET + 1),
            "" if since is None else since.epoch,
        ]
        reply = await self._link.run_script(HISTORY, [keys.stream(channel), keys.meta(channel)], args, lane=LANE)
        epoch, top, run, fault, first, entries = reply
        position = StreamPosition(int(top), epoch.decode())
        self._seen.settle(channel, Seen(position.epoch, position.offset, run))
        if fault and since is not None:
            raise _unrecoverable(fault, since, position, first)
        return History([_publication(entry) for entry in entries], position)

    async def remove(self, channel: str) -> None:
        """Forget the publications; position and epoch stay."""
        await self._link.run_script(REMOVE, [self._link.keys.stream(channel)])

    async def reconcile(self, channel: str, doubts: Collection[Seen] = ()) -> bool:
        """Give the stream another epoch if it lacks what was seen, and return whether its epoch is another than seen.

        `doubts` are positions that do not follow from what was seen before.
        """
        keys, before = self._link.keys, self._seen.get(channel)
        names = [keys.stream(channel), keys.meta(channel)]
        epoch = ""
        for seen in (before, *doubts):
            args = [*self._first_args(channel), seen.epoch, seen.offset, seen.run]
            reply = await self._link.run_script(RECONCILE, names, args, lane=LANE)
            epoch, top, run = reply[0].decode(), int(reply[1]), reply[2]
            if not epoch:
                return False
        self._seen.settle(channel, Seen(epoch, top, run))
        return any(seen.epoch and seen.epoch != epoch for seen in (before, *doubts))

    def doubts_of(self, channel: str, position: StreamPosition) -> tuple[Seen, ...]:
        """Return a position that somebody saw as a doubt, or nothing where as much of its epoch was seen here."""
        known = self._seen.get(channel)
        if position.epoch != known.epoch:
            return (Seen(position.epoch, position.offset, b""),) if position.epoch else ()
        return (known._replace(offset=position.offset),) if position.offset > known.offset else ()

    # Private methods

    def _first_args(self, channel: str) -> list[Argument]:
        return [self._link.keys.channel(channel), self._link.publish_command, new_epoch()]

    def _seen_args(self, channel: str) -> list[Argument]:
        seen = self._seen.get(channel)
        return [seen.epoch, seen.offset, seen.run]


def _publication(entry: Any) -> Publication:
    name, fields = entry
    try:
        return decode_publication(fields[1], int(name.partition(b"-")[0]))
    except (msgspec.DecodeError, ValueError) as error:
        detail = f"entry {name.decode()} of a stream is not the gateway's: {error}"
        raise BrokerError("broker_foreign_key", detail, is_undone=True) from None


def _unrecoverable(fault: bytes, since: StreamPosition, top: StreamPosition, first: bytes) -> ChannelError:
    if fault == b"epoch":
        detail = f"the stream's epoch is {top.epoch}, the question is about {since.epoch!r}"
    else:
        detail = f"expected an offset from {int(first) - 1} to {top.offset}, got {since.offset}"
    return ChannelError("unrecoverable_position", detail)
