"""Keeps the presence entries of live connections alive, each once per interval."""

from __future__ import annotations

import asyncio
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from holdfast.connections.membership import Membership
from holdfast.connections.ring import Ring
from holdfast.connections.subscription import PRESENT
from holdfast.errors import BrokerError

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

TICK = 0.5
# Connections refreshed at the same time, so that the way to the broker does not count for each of them; each may be
# present in as many channels as a client may have.
_SLICE = 20
_OF_ONE_CHANNEL = frozenset({"broker_foreign_key"})


class PresenceKeeper:
    """Refreshes presence; an entry that is not refreshed ends by its time to live.

    Args:
        interval: seconds between two refreshes of a connection.
    """

    def __init__(self, membership: Membership, interval: float) -> None:
        self._membership = membership
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
            due = list(self._ring.bucket(turn))
            for start in range(0, len(due), _SLICE):
                if not await self._refresh_some(due[start : start + _SLICE]):
                    return

    # Private methods

    async def _refresh_some(self, connections: list[Connection]) -> bool:
        """Refresh these at the same time; return whether the broker is there."""
        found = await asyncio.gather(*map(self._refresh, connections), return_exceptions=True)
        failures = [one for one in found if one is not None]
        for failure in failures:
            if not isinstance(failure, BrokerError):
                raise failure
        return all(isinstance(one, BrokerError) and one.slug in _OF_ONE_CHANNEL for one in failures)

    async def _refresh(self, connection: Connection) -> None:
        for channel, subscription in list(connection.subs.items()):
            if subscription.flags & PRESENT:
                info = connection.client_info(subscription.info)
                await self._membership.refresh(channel, info, partial(connection.is_present_in, channel))
