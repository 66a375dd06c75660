"""Pings to all connections from a ring of buckets, and the end of those that do not answer."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from holdfast.connections.ring import Ring

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

TICK = 0.25
# Pings that leave together cost less than the same number one by one; a 25th of all is still a burst of milliseconds.
_BURSTS = 25


class Heartbeat:
    """Pings each connection once per interval, at its own moment, and closes it if no pong came in time.

    Args:
        interval: seconds between two pings of a connection.
        timeout: seconds a pong may take.
        pick: returns a random number below its argument.
    """

    def __init__(self, interval: float, timeout: float, pick: Callable[[int], int] | None = None) -> None:
        self._ring: Ring[Connection] = Ring(interval, max(TICK, interval / _BURSTS), pick or Random().randrange)
        # A pong is looked for before the next ping at the latest.
        self._pong_ticks = min(math.ceil(timeout / self._ring.tick), max(1, len(self._ring) - 2))
        self._suspects: list[Connection] = []
        # When each bucket was pinged last, for all its connections: a moment of their own would cost each 32 bytes.
        self._pinged = array("d", bytes(8 * len(self._ring)))
        self.pings = 0

    def add(self, connection: Connection) -> None:
        """Begin to ping where the transport has pings; the first one comes after a random part of the interval."""
        if connection.transport.encoding.ping:
            connection.bucket = self._ring.add(connection)

    def discard(self, connection: Connection) -> None:
        """Ping no more."""
        if connection.bucket >= 0:
            self._ring.discard(connection, connection.bucket)
            connection.bucket = -1

    def rtt(self, bucket: int, now: float) -> int:
        """Return how many milliseconds ago, at least 1, a bucket was pinged; 0 for none. `now` is as in `advance`."""
        return max(1, round((now - self._pinged[bucket]) * 1000)) if bucket >= 0 else 0

    def quiet_seconds(self, bucket: int, now: float) -> float:
        """Return how long ago a bucket was pinged, 0 for none; longer than a connection lives if that never was."""
        return now - self._pinged[bucket] if bucket >= 0 else 0.0

    def advance(self, elapsed: float, now: float = 0.0) -> None:
        """Do what is due `elapsed` seconds after the start, which is `now` on the clock of the connections.

        Whoever owes a pong has one more tick before the end: after a stall of the loop the pongs may lie unread.
        """
        turns = self._ring.advance(elapsed)
        if not turns:
            return
        for connection in self._suspects:
            if connection.awaiting_pong and not connection.closed:
                connection.close("no_pong")
        # Before the pings: after a stall, buckets may be pinged and looked at in the same call.
        late = [self._ring.bucket(turn - self._pong_ticks) for turn in turns]
        self._suspects = [connection for bucket in late for connection in bucket if connection.awaiting_pong]
        for turn in turns:
            self._ping(turn, now)

    def _ping(self, turn: int, now: float) -> None:
        members = self._ring.bucket(turn)
        self._pinged[turn] = now
        self.pings += len(members)
        # A copy, since a write may end a connection that reads too slowly.
        for connection in list(members):
            connection.awaiting_pong = True
            unit = connection.transport.encoding.ping
            try:
                if connection.flowing:
                    connection.write(unit)
                else:
                    connection.write_slow(unit)
            except Exception as error:  # the boundary of one connection: the others need their pings
                connection.on_write_failed(error)
