"""The sessions of logins in Redis, by owner."""

from __future__ import annotations

from holdfast.broker.redis_fields import ExpiringFields
from holdfast.broker.redis_link import RedisLink


class RedisSessions:
    """A `SessionStore` in Redis: one hash for each owner, one script for each call."""

    def __init__(self, link: RedisLink) -> None:
        self._fields = ExpiringFields(link)
        self._keys = link.keys

    async def get(self, owner: str, session: str) -> bytes | None:
        """Return a session's value; see `SessionStore.get`."""
        return await self._fields.get(self._keys.sessions(owner), session)

    async def put(self, owner: str, session: str, value: bytes, ttl: float) -> None:
        """Keep a value; see `SessionStore.put`."""
        await self._fields.put(self._keys.sessions(owner), session, value, ttl)

    async def swap(self, owner: str, session: str, expected: bytes, value: bytes, ttl: float) -> bool:
        """Replace a value; see `SessionStore.swap`."""
        return await self._fields.swap(self._keys.sessions(owner), session, expected, value, ttl)

    async def delete(self, owner: str, session: str) -> bool:
        """Forget a session; see `SessionStore.delete`."""
        return await self._fields.delete(self._keys.sessions(owner), session)

    async def sessions_of(self, owner: str) -> dict[str, bytes]:
        """Return an owner's values; see `SessionStore.sessions_of`."""
        return await self._fields.read(self._keys.sessions(owner))
