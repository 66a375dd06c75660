"""Brings a file of state back into Redis: what speaks against it, and then everything in it, streams first.

Nothing newer is ever overwritten, and each thing is done by one step that may be repeated: whoever breaks an import
off, or does it twice, has harmed nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from holdfast.broker.redis_keys import EPOCH, OFFSET, KeyName
from holdfast.broker.redis_link import RedisLink
from holdfast.broker.state_records import Item, KeptPresence, WholeStream, read_items
from holdfast.broker.state_scan import LANE, Pace, scan
from holdfast.broker.state_summary import Summary, kind_of
from holdfast.broker.state_write import StateWriter
from holdfast.errors import BrokerError

_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Terms:
    """What an import may do; ages are seconds.

    `acts` is false for a rehearsal. `any_prefix`, `any_age` and `not_empty` let go on what is refused else, `replaces`
    lets streams that began since give way.
    """

    acts: bool = False
    max_age: float = 86400.0
    any_prefix: bool = False
    any_age: bool = False
    not_empty: bool = False
    replaces: bool = False
    rate: float = 2000.0


@dataclass(slots=True)
class Imported:
    """What became of it: how many things of each kind and outcome."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Importer:
    """Imports files of state.

    Args:
        link: the way to Redis; it has started.
        terms: what may be done.
        clock: seconds, for the pace.
        wall_clock: seconds since 1970.
    """

    def __init__(
        self,
        link: RedisLink,
        terms: Terms,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._link = link
        self._terms = terms
        self._clock = clock
        self._wall_clock = wall_clock

    async def objections(self, found: Summary) -> list[str]:
        """Return what speaks against importing a file, each with the option that allows it, where one does.

        Raises:
            BrokerError: Redis does not answer.
        """
        terms, origin = self._terms, found.origin
        if origin is None:
            return ["expected an export of a shared Redis, this is the snapshot of an embedded broker"]
        faults: list[str] = []
        prefix = self._link.settings.prefix
        if origin.prefix != prefix and not terms.any_prefix:
            faults.append(f"expected state under the prefix {prefix!r}, it is of {origin.prefix!r} (--force-prefix)")
        age = self._wall_clock() - found.saved_at
        if age > terms.max_age and not terms.any_age:
            faults.append(f"expected state of the last {terms.max_age:.0f} s, it is {age:.0f} s old (--force-old)")
        if not terms.not_empty and (what := await self._occupied()):
            faults.append(f"expected nothing under the prefix {prefix!r}, there is {what} (--force-not-empty)")
        return faults

    async def run(self, found: Summary) -> Imported:
        """Import a file that nothing speaks against, or tell what would become of it.

        Raises:
            BrokerError: Redis does not answer; what was done is done, and may be done again.
            OSError: the file cannot be read.
        """
        if found.origin is None:
            raise ValueError("only an export of a shared Redis can be imported")
        done = Imported()
        started = self._clock()
        writer = StateWriter(
            self._link,
            found.origin.export,
            self._wall_clock,
            acts=self._terms.acts,
            replaces=self._terms.replaces,
        )
        pace = Pace(self._terms.rate, self._clock)
        # Results speak of publications that must be there before.
        for streams in (True, False):
            async for some in _batches(found.path, streams=streams):
                await self._write(writer, some, done)
                await pace.spend(sum(_weight(item) for item in some))
        done.seconds = self._clock() - started
        return done

    # Private methods

    async def _write(self, writer: StateWriter, some: list[Item], done: Imported) -> None:
        async def write(item: Item) -> None:
            try:
                done.counts[kind_of(item), await writer.write(item)] += 1
            except BrokerError as error:
                if error.slug != "broker_foreign_key":
                    raise
                done.counts[kind_of(item), "failed"] += 1
                done.failed.append(f"{error.slug}: {error.detail}")

        apart = [item for item in some if not isinstance(item, KeptPresence)]
        await asyncio.gather(*map(write, apart))
        for item in some:
            if isinstance(item, KeptPresence):
                await write(item)

    async def _occupied(self) -> str:
        """Return what is there already that an import could collide with; entries of the living do not."""
        async for page in scan(self._link, Pace(self._terms.rate, self._clock)):
            for key in page:
                if key.kind == "sessions":
                    return f"the session of a login (of {key.name!r})"
                if key.kind == "meta" and (what := await self._history_of(key)):
                    return what
        return ""

    async def _history_of(self, key: KeyName) -> str:
        meta = self._link.keys.meta(key.name)
        epoch, offset = await self._link.run(meta, "HMGET", meta, EPOCH, OFFSET, lane=LANE)
        return f"history of the channel {key.name!r}" if epoch and offset not in (None, b"0") else ""


async def _batches(path: Path, *, streams: bool) -> AsyncIterator[list[Item]]:
    """Yield what is in a file in small lists, read beside the loop: its streams, or everything else."""
    items: Iterator[Item] = (item for item in read_items(path) if isinstance(item, WholeStream) == streams)
    while some := await asyncio.to_thread(lambda: list(islice(items, _AT_ONCE))):
        if kept := [item for item in some if kind_of(item) != "opening"]:
            yield kept


def _weight(item: Item) -> int:
    """Return how many keys' work an item is."""
    return 1 + len(item.publications) // 10 if isinstance(item, WholeStream) else 1
