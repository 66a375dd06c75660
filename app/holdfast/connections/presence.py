"""Keeps the presence entries of live connections alive, each once per interval."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from holdfast.broker.base import Broker
from holdfast.connections.ring import Ring
from holdfast.connections.subscription import PRESENT
from holdfast.errors import BrokerError

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

TICK = 0.5


class PresenceKeeper:
    """Refreshes presence; an entry that is not refreshed ends by its time to live.

    Args:
        interval: seconds between two refreshes of a connection.
        ttl: seconds an entry lives.
    """

    def __init__(self, broker: Broker, interval: float, ttl: float) -> None:
        self._broker = broker
        self._ttl = ttl
        self._ring: Ring[Connection] = Ring(interval, TICK, Random().randrange)
        self._buckets: dict[Connection, int] = {}  # few namespaces keep presence, so connections need no slot for it

    def add(self, connection: Connection) -> None:
        """Keep the entries of this connection alive from now on."""
        if connection not in self._buckets:
            self._buckets[connection] = self._ring.add(connection)

    def discard(self, connection: Connection) -> None:
        """Let them go."""
        bucket = self._buckets.pop(connection, None)
        if bucket is not None:
            self._ring.discard(connection, bucket)

    async def advance(self, elapsed: float) -> None:
        """Refresh what is due `elapsed` seconds after the start; a broker that is away is tried again next time."""
        for turn in self._ring.advance(elapsed):
            for connection in list(self._ring.bucket(turn)):
                try:
                    await self._refresh(connection)
                except BrokerError:
                    return

    async def _refresh(self, connection: Connection) -> None:
        for channel, subscription in list(connection.subs.items()):
            if subscription.flags & PRESENT and not connection.closed:
                info = connection.client_info(subscription.info)
                await self._broker.add_presence(channel, connection.client, info, self._ttl)
