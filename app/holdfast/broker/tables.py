"""The embedded broker's small tables: named values that expire, a few of them, read as a whole."""

from __future__ import annotations

from collections.abc import Callable


class MemoryTables:
    """A `TableStore` of one process.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._tables: dict[str, dict[str, tuple[bytes, float]]] = {}

    async def put(self, table: str, name: str, value: bytes, ttl: float) -> None:
        """Keep a value; see `TableStore.put`."""
        self._tables.setdefault(table, {})[name] = (value, self._clock() + ttl)

    async def remove(self, table: str, name: str) -> None:
        """Forget a value; see `TableStore.remove`."""
        self._tables.get(table, {}).pop(name, None)

    async def read(self, table: str) -> dict[str, bytes]:
        """Return a table; see `TableStore.read`."""
        now = self._clock()
        rows = self._tables.get(table, {})
        for name in [name for name, (_, expires_at) in rows.items() if expires_at <= now]:
            del rows[name]
        return {name: value for name, (value, _) in rows.items()}
