"""Writes what a shared Redis holds into one file: whole or not at all, while everybody works on.

Each stream, and each owner's sessions, are of one moment; two of them may be of different ones.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import holdfast
from holdfast.broker.records import Begin
from holdfast.broker.redis_link import RedisLink
from holdfast.broker.snapshot_file import SnapshotWriter
from holdfast.broker.state_read import StateReader
from holdfast.broker.state_records import Item, Origin, encode, records_of
from holdfast.broker.state_scan import Pace, scan
from holdfast.broker.state_summary import kind_of
from holdfast.broker.stream import new_epoch

# Asked for at the same time: bounds the memory, beside the largest stream.
_AT_ONCE: Final = 20


@dataclass(slots=True)
class Exported:
    """What was written."""

    path: Path
    seconds: float = 0.0
    size: int = 0
    foreign: int = 0
    counts: Counter[str] = field(default_factory=Counter)


class Exporter:
    """Writes files of state.

    Args:
        link: the way to Redis; it has started.
        rate: keys a second, at most.
        clock: seconds, for the pace.
        wall_clock: seconds since 1970.
    """

    def __init__(
        self,
        link: RedisLink,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._rate = rate
        self._clock = clock
        self._wall_clock = wall_clock

    async def write(self, path: Path) -> Exported:
        """Write everything into a file, in place of one that may be there.

        Raises:
            BrokerError: Redis does not answer; there is no new file.
            OSError: the file cannot be written; likewise.
        """
        done = Exported(path)
        started = self._clock()
        writer = SnapshotWriter(path, clean=True, is_compressed=True)
        try:
            await asyncio.to_thread(writer.open)
            await self._write_all(writer, done)
            await asyncio.to_thread(writer.commit)
        except BaseException:
            writer.abort()
            raise
        done.size, done.seconds = writer.size, self._clock() - started
        return done

    # Private methods

    async def _write_all(self, writer: SnapshotWriter, done: Exported) -> None:
        opening = Begin(self._wall_clock(), holdfast.__version__)
        origin = Origin(self._link.settings.prefix, self._link.settings.mode, new_epoch() + new_epoch())
        await asyncio.to_thread(_append, writer, [opening, origin])
        reader = StateReader(self._link, self._wall_clock)
        async for page in scan(self._link, Pace(self._rate, self._clock)):
            for first in range(0, len(page), _AT_ONCE):
                some = await asyncio.gather(*(reader.read(name) for name in page[first : first + _AT_ONCE]))
                items = [item for found in some for item in found]
                done.counts.update(kind_of(item) for item in items)
                await asyncio.to_thread(_append, writer, items)
        done.foreign = reader.foreign


def _append(writer: SnapshotWriter, items: list[Item]) -> None:
    for item in items:
        for record in records_of(item):
            writer.add(encode(record))
