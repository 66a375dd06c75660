"""History in Redis: reading streams, forgetting them, and finding out those that went back."""

from __future__ import annotations

from typing import Any

import msgspec

from holdfast.broker.base import NO_POSITION, History, HistoryFilter
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

    async def reconcile(self, channel: str, position: StreamPosition = NO_POSITION) -> bool:
        """Begin the stream anew if it lacks what was seen here, and return whether its epoch is another than seen.

        `position` is one that somebody else has seen.
        """
        keys, before = self._link.keys, self._seen.get(channel)
        if position.epoch and (position.epoch != before.epoch or position.offset > before.offset):
            run = before.run if position.epoch == before.epoch else b""
            before = Seen(position.epoch, position.offset, run)
        args = [*self._first_args(channel), before.epoch, before.offset, before.run]
        reply = await self._link.run_script(RECONCILE, [keys.stream(channel), keys.meta(channel)], args, lane=LANE)
        epoch, top, run = reply[0].decode(), int(reply[1]), reply[2]
        if not epoch:
            return False
        self._seen.settle(channel, Seen(epoch, top, run))
        return bool(before.epoch) and before.epoch != epoch

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
