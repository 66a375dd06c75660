"""Reads what is kept under one key of Redis, as records of a file of state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from holdfast.broker.records import KeptInfo, KeptResult, KeptSession, KeptStream, keep_publication
from holdfast.broker.redis_keys import FORMERS, KeyName
from holdfast.broker.redis_link import RedisLink, Script
from holdfast.broker.redis_presence import unpack
from holdfast.broker.redis_records import decode_publication
from holdfast.broker.state_records import Item, KeptCounter, KeptPresence, KeptRow, WholeStream
from holdfast.broker.state_scan import LANE
from holdfast.errors import BrokerError

# Publications in one answer: some 0.1 ms of Redis.
PAGE: Final = 250
_FIELDS_AT_ONCE: Final = 500
_FOR_EVER_MS: Final = 10 * 365 * 86_400_000

# KEYS stream, meta; ARGV first id, count. Returns {position, milliseconds left of meta, of the stream, entries}.
_STREAM: Final = Script(
    f"""
local position = redis.call('HMGET', KEYS[2], 'e', 'o', 'v', 'w', '{FORMERS.decode()}')
local entries = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
return {{position, redis.call('PTTL', KEYS[2]), redis.call('PTTL', KEYS[1]), entries}}
"""
)

_VALUE: Final = Script("return {redis.call('GET', KEYS[1]) or '', redis.call('PTTL', KEYS[1])}")

# KEYS entries, ends.
_PRESENCE: Final = Script("return {redis.call('HGETALL', KEYS[1]), redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')}")


class StateReader:
    """Reads keys; one that has gone meanwhile, or is not of this gateway's making, gives nothing.

    Args:
        link: the way to Redis.
        wall_clock: seconds since 1970.
    """

    def __init__(self, link: RedisLink, wall_clock: Callable[[], float]) -> None:
        self._link = link
        self._keys = link.keys
        self._wall_clock = wall_clock
        self.foreign = 0
        """How many keys were not of this gateway's making."""
        self._readers = {
            "meta": self._read_stream,
            "idempotency": self._read_result,
            "presence": self._read_presence,
            "table": self._read_table,
            "sessions": self._read_sessions,
            "counter": self._read_counter,
        }

    async def read(self, key: KeyName) -> list[Item]:
        """Return what is under a key; a stream is read with its position.

        Raises:
            BrokerError: Redis does not answer.
        """
        reader = self._readers.get(key.kind)
        if reader is None:
            return []
        try:
            return await reader(key)
        except BrokerError as error:
            if error.slug != "broker_foreign_key":
                raise
        except (ValueError, msgspec.DecodeError):
            pass
        self.foreign += 1
        return []

    # Private methods

    async def _run(self, script: Script, *keys: bytes, args: tuple[Any, ...] = ()) -> Any:
        return await self._link.run_script(script, keys, args, lane=LANE)

    def _end(self, left: int) -> float:
        """Return when something ends that Redis gives so many milliseconds; -1 is for ever, as nothing of ours is."""
        return self._wall_clock() + (left if left != -1 else _FOR_EVER_MS) / 1000

    async def _read_stream(self, key: KeyName) -> list[Item]:
        """Read a stream page by page; where it is trimmed faster than that, what is left of it."""
        stream, meta = self._keys.stream(key.name), self._keys.meta(key.name)
        entries: list[Any] = []
        goal, start, epoch = 0, b"-", b""
        while True:
            position, meta_left, left, page = await self._run(_STREAM, stream, meta, args=(start, PAGE))
            if position[0] is None:
                return []
            if position[0] != epoch:  # it is read for the first time, or has begun anew meanwhile
                entries, goal, epoch = [], int(position[1] or 0), position[0]
                if start != b"-":
                    start = b"-"
                    continue
            elif page and entries and _offset(page[0]) != _offset(entries[-1]) + 1:
                entries, goal = [], int(position[1] or 0)
            entries += page
            if not page or _offset(page[-1]) >= goal:
                break
            start = b"(" + page[-1][0]
        if entries and _offset(entries[-1]) < goal:  # they are not of this position, or were removed meanwhile
            entries = []
        top = _offset(entries[-1]) if entries else goal
        head = _head(key.name, top, position, (self._end(left), self._end(meta_left)))
        return [WholeStream(head, [keep_publication(decode_publication(fields[1], 0)) for _, fields in entries])]

    async def _read_result(self, key: KeyName) -> list[Item]:
        value, left = await self._run(_VALUE, self._keys.idempotency(key.name, key.rest))
        if not value:
            return []
        offset, _, epoch = value.partition(b":")
        return [KeptResult(key.name, key.rest, int(offset), epoch.decode(), self._end(left))]

    async def _read_presence(self, key: KeyName) -> list[Item]:
        base = self._keys.presence(key.name)
        entries, ends = await self._run(_PRESENCE, base, base + b"e")
        values = dict(zip(entries[::2], entries[1::2], strict=True))
        found: list[Item] = []
        for client, end in zip(ends[::2], ends[1::2], strict=True):
            if client in values:
                info = unpack(client.decode(), values[client])
                kept = KeptInfo(info.user, info.client, bytes(info.conn_info), bytes(info.chan_info))
                found.append(KeptPresence(key.name, kept, float(end) / 1000))
        return found

    async def _read_table(self, key: KeyName) -> list[Item]:
        fields = await self._read_fields(self._keys.table(key.name))
        return [KeptRow(key.name, name, value, ends) for name, value, ends in fields]

    async def _read_sessions(self, key: KeyName) -> list[Item]:
        fields = await self._read_fields(self._keys.sessions(key.name))
        return [KeptSession(key.name, name, value, ends) for name, value, ends in fields]

    async def _read_fields(self, key: bytes) -> list[tuple[str, bytes, float]]:
        """Return the expiring fields of a hash, each once: name, value, when it ends."""
        found: dict[bytes, bytes] = {}
        cursor = b"0"
        while True:
            cursor, some = await self._link.run(key, "HSCAN", key, cursor, "COUNT", _FIELDS_AT_ONCE, lane=LANE)
            found.update(zip(some[::2], some[1::2], strict=True))
            if cursor == b"0":
                break
        parts = ((name, *kept.partition(b":")) for name, kept in found.items())
        return [(name.decode(), value, int(ends) / 1000) for name, ends, _, value in parts]

    async def _read_counter(self, key: KeyName) -> list[Item]:
        """Read a counter; a bucket, which has a fraction, is full again within seconds."""
        value, left = await self._run(_VALUE, self._keys.counter(key.name))
        if left < 0 or not value.isdigit():
            return []
        return [KeptCounter(key.name, int(value), self._end(left))]


def _head(channel: str, top: int, position: list[bytes | None], ends: tuple[float, float]) -> KeptStream:
    epoch, _, version, version_epoch, formers = (part or b"" for part in position)
    kept = (epoch.decode(), top, int(version or 0), version_epoch.decode())
    return KeptStream(channel, *kept, *ends, _formers(formers, epoch))


def _offset(entry: Any) -> int:
    return int(entry[0].partition(b"-")[0])


def _formers(value: bytes, epoch: bytes) -> str:
    """Return what a stream goes on from; before that stand the epoch that this is said of, and an export's name."""
    mine, _, rest = value.partition(b" ")
    return rest.partition(b" ")[2].decode() if mine == epoch else ""
