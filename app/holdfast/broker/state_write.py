"""Puts what a file of state says into Redis, one thing at a time, where nothing newer is; or says what it would do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec import Raw

from holdfast.broker.records import KeptPublication, KeptResult, KeptSession, publication_of
from holdfast.broker.redis_fields import ExpiringFields
from holdfast.broker.redis_link import RedisLink
from holdfast.broker.redis_presence import RedisPresence
from holdfast.broker.redis_records import encode_publication
from holdfast.broker.redis_wire import Argument
from holdfast.broker.state_records import Item, KeptCounter, KeptPresence, KeptRow, WholeStream
from holdfast.broker.state_scripts import (
    COMMIT,
    COUNTER,
    DECIDE,
    RESULT,
    STAGE,
    entries_of,
    formers_of,
)
from holdfast.broker.state_summary import end_of
from holdfast.broker.stream import new_epoch
from holdfast.protocol.messages import NONE, ClientInfo

# What a broken-off import gathered goes by itself.
_STAGED_MS: Final = 600_000
_STAGE_BYTES: Final = 262144
_STAGE_ENTRIES: Final = 250
# These are told by whoever lives, every few seconds.
_OF_THE_LIVING: Final = frozenset({"nodes", "log_secrets"})


class StateWriter:
    """Writes items.

    Args:
        link: the way to Redis.
        export: the name of the export that they are of.
        acts: whether anything is done; else only the outcomes are told.
        replaces: whether a stream that began since gives way.
        wall_clock: seconds since 1970.
    """

    def __init__(
        self, link: RedisLink, export: str, wall_clock: Callable[[], float], *, acts: bool, replaces: bool
    ) -> None:
        self._link = link
        self._keys = link.keys
        self._export = export
        self._wall_clock = wall_clock
        self._acts = acts
        self._replaces = replaces
        self._fields = ExpiringFields(link)
        self._presence = RedisPresence(link)
        self._present: tuple[str, dict[str, ClientInfo]] = ("", {})

    async def write(self, item: Item) -> str:
        """Write an item and return what became of it.

        `new`, `replaced`; `same` and `newer` where that or something newer is there; `ended` where its time is over;
        `lost` for a result whose publication is not there; `living` for what instances tell themselves.

        Raises:
            BrokerError: Redis does not take it.
        """
        if 0 < end_of(item) <= self._wall_clock():
            return "ended"
        if isinstance(item, WholeStream):
            return await self._write_stream(item)
        if isinstance(item, KeptResult):
            return await self._write_result(item)
        if isinstance(item, KeptPresence):
            return await self._write_presence(item)
        if isinstance(item, KeptSession):
            return await self._write_field(self._keys.sessions(item.owner), item.session, item)
        if isinstance(item, KeptRow) and item.table not in _OF_THE_LIVING:
            return await self._write_field(self._keys.table(item.table), item.name, item)
        if isinstance(item, KeptCounter):
            return await self._write_counter(item)
        return "living"

    # Private methods

    def _left(self, end: float) -> int:
        return max(1, round((end - self._wall_clock()) * 1000))

    async def _write_stream(self, item: WholeStream) -> str:
        head = item.head
        meta, stream, staged = (
            self._keys.meta(head.channel),
            self._keys.stream(head.channel),
            self._keys.staged(head.channel),
        )
        args: list[Argument] = [self._export, head.epoch, head.top, int(self._replaces)]
        outcome = await self._run(DECIDE, [meta], args)
        if not self._acts or outcome not in ("new", "replaced"):
            return outcome
        publications = item.publications if head.expires_at > self._wall_clock() else []
        await self._stage(staged, head.top - len(publications) + 1, publications)
        args += [new_epoch(), formers_of(head.formers, head.epoch, head.top), self._left(head.removes_at)]
        args += [self._left(head.expires_at), head.version, head.version_epoch]
        args += [self._keys.channel(head.channel), self._link.publish_command]
        return await self._run(COMMIT, [meta, stream, staged], args)

    async def _stage(self, staged: bytes, first: int, publications: list[KeptPublication]) -> None:
        """Gather publications beside the stream, in steps that hold Redis up for no more than some 0.5 ms each."""
        begins, size = 1, 0
        some: list[bytes] = []
        for number, one in enumerate(publications, 1):
            some.append(encode_publication(publication_of(one)))
            size += len(some[-1])
            if size >= _STAGE_BYTES or len(some) >= _STAGE_ENTRIES or number == len(publications):
                await self._link.run_script(STAGE, [staged], [_STAGED_MS, begins, *entries_of(first, some)])
                first, begins, size, some = first + len(some), 0, 0, []

    async def _write_result(self, item: KeptResult) -> str:
        key, meta = self._keys.idempotency(item.channel, item.key), self._keys.meta(item.channel)
        if not self._acts:
            return await self._unless_there(key)
        return await self._run(RESULT, [key, meta], [item.offset, item.epoch, self._left(item.expires_at)])

    async def _write_presence(self, item: KeptPresence) -> str:
        channel, info = item.channel, item.info
        if self._present[0] != channel:
            self._present = (channel, await self._presence.get(channel))
        if info.client in self._present[1]:
            return "same"
        if self._acts:
            conn, chan = info.conn_info, info.chan_info
            entry = ClientInfo(info.user, info.client, Raw(conn) if conn else NONE, Raw(chan) if chan else NONE)
            await self._presence.add(channel, info.client, entry, self._left(item.expires_at) / 1000)
        return "new"

    async def _write_field(self, key: bytes, name: str, item: KeptSession | KeptRow) -> str:
        if self._acts:
            is_new = await self._fields.add(key, name, item.value, self._left(item.expires_at) / 1000)
        else:
            is_new = await self._fields.get(key, name) is None
        return "new" if is_new else "same"

    async def _write_counter(self, item: KeptCounter) -> str:
        key = self._keys.counter(item.key)
        if not self._acts:
            return await self._unless_there(key)
        return await self._run(COUNTER, [key], [item.value, self._left(item.expires_at)])

    async def _unless_there(self, key: bytes) -> str:
        return "same" if await self._link.run(key, "EXISTS", key) else "new"

    async def _run(self, script: Any, keys: list[bytes], args: list[Argument]) -> str:
        found: bytes = await self._link.run_script(script, keys, args)
        return found.decode()
