"""What a broker in Redis keeps beside publications, put together: presence, sessions, tables, counters, messages."""

from __future__ import annotations

from holdfast.broker.base import PresenceStats
from holdfast.broker.redis_counters import RedisCounters
from holdfast.broker.redis_link import RedisLink
from holdfast.broker.redis_messages import RedisMessages
from holdfast.broker.redis_presence import RedisPresence
from holdfast.broker.redis_sessions import RedisSessions
from holdfast.broker.redis_tables import RedisTables
from holdfast.protocol.messages import ClientInfo


class RedisStores:
    """That half of a `Broker`; `messages` has to be started and stopped by who has the other one.

    Args:
        link: the way to Redis.
        instance: this one's name, for messages to it.
    """

    is_shared = True

    def __init__(self, link: RedisLink, instance: str) -> None:
        self.link = link
        self.sessions = RedisSessions(link)
        self.tables = RedisTables(link)
        self.counters = RedisCounters(link)
        self.messages = RedisMessages(link, instance)
        self._presence = RedisPresence(link)

    async def add_presence(self, channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        """Enter or refresh a client for `ttl` seconds."""
        await self._presence.add(channel, client, info, ttl)

    async def remove_presence(self, channel: str, client: str) -> None:
        """Remove a client; an unknown one is no error."""
        await self._presence.remove(channel, client)

    async def presence(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is present, by client id."""
        return await self._presence.get(channel)

    async def presence_stats(self, channel: str) -> PresenceStats:
        """Return how many are present."""
        return await self._presence.stats(channel)

    async def send(self, message: bytes, instance: str = "") -> None:
        """Give a message to one instance, or to all; see `Broker.send`."""
        await self.messages.send(message, instance)
