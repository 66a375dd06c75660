"""What is in a file of state, or in an embedded broker's snapshot: for whoever looks before importing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from holdfast.broker.records import Begin, KeptResult, KeptSession
from holdfast.broker.snapshot_file import read_header
from holdfast.broker.state_records import Item, KeptCounter, KeptPresence, KeptRow, Origin, WholeStream, read_items

KINDS: Final = (
    "streams",
    "publications",
    "results",
    "presence",
    "sessions",
    "revocations",
    "rows",
    "counters",
    "nodes",
)
NODES: Final = "nodes"
REVOCATIONS: Final = "revocations"


@dataclass(slots=True)
class Summary:
    """A file, found undamaged."""

    path: Path
    size: int
    format: int
    is_clean: bool
    saved_at: float = 0.0
    version: str = ""
    origin: Origin | None = None
    counts: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    """Streams and values whose time is over already, as far as the clock that was given goes."""
    nodes: list[dict[str, Any]] = field(default_factory=list)


def kind_of(item: Item) -> str:
    """Return what an item is counted as; publications are counted with their streams."""
    if isinstance(item, WholeStream):
        return "streams"
    if isinstance(item, KeptRow):
        return item.table if item.table in (NODES, REVOCATIONS) else "rows"
    if isinstance(item, KeptResult):
        return "results"
    if isinstance(item, KeptSession):
        return "sessions"
    if isinstance(item, KeptPresence):
        return "presence"
    return "counters" if isinstance(item, KeptCounter) else "opening"


def end_of(item: Item) -> float:
    """Return when an item ends, 0 where it has no end."""
    if isinstance(item, WholeStream):
        return item.head.removes_at
    return 0.0 if isinstance(item, (Begin, Origin)) else item.expires_at


def summarize(path: Path, now: float) -> Summary:
    """Read a whole file and tell what is in it; `now` is the wall clock's.

    Raises:
        OSError: it cannot be read.
        DamagedError: it is no complete file of state.
    """
    header = read_header(path)
    found = Summary(path, path.stat().st_size, header.version, header.is_clean)
    for item in read_items(path):
        if isinstance(item, Begin):
            found.saved_at, found.version = item.saved_at, item.version
            continue
        if isinstance(item, Origin):
            found.origin = item
            continue
        found.counts[kind_of(item)] += 1
        if isinstance(item, WholeStream):
            found.counts["publications"] += len(item.publications)
        elif isinstance(item, KeptRow) and item.table == NODES:
            found.nodes.append(_node(item))
        if 0 < end_of(item) <= now:
            found.ended += 1
    return found


def _node(row: KeptRow) -> dict[str, Any]:
    """Return what the registry said of an instance."""
    try:
        return {"name": row.name, **msgspec.msgpack.decode(row.value, type=dict[str, Any])}
    except msgspec.MsgspecError:
        return {"name": row.name}
