"""Small tables in Redis: a hash for each."""

from __future__ import annotations

from holdfast.broker.redis_fields import ExpiringFields
from holdfast.broker.redis_link import RedisLink


class RedisTables:
    """A `TableStore` in Redis."""

    def __init__(self, link: RedisLink) -> None:
        self._fields = ExpiringFields(link)
        self._keys = link.keys

    async def put(self, table: str, name: str, value: bytes, ttl: float) -> None:
        """Keep a value; see `TableStore.put`."""
        await self._fields.put(self._keys.table(table), name, value, ttl)

    async def remove(self, table: str, name: str) -> None:
        """Forget a value; see `TableStore.remove`."""
        await self._fields.delete(self._keys.table(table), name)

    async def read(self, table: str) -> dict[str, bytes]:
        """Return a table; see `TableStore.read`."""
        return await self._fields.read(self._keys.table(table))
