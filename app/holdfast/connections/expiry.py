"""What ends at its time: handshakes without connect, sessions and subscriptions whose token was not renewed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from holdfast.connections import subscribing
from holdfast.connections.subscription import SERVER_SIDE
from holdfast.resilience.wheel import TimeWheel
from holdfast.settings import ClientSettings

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

# Expiries lie minutes ahead, so a turn of the wheel may too.
_TICK = 0.25
_SLOTS = 512


class _Life(NamedTuple):
    """A session (no channel) or a subscription that will end."""

    connection: Connection
    channel: str


class Expiry:
    """Deadlines of connections.

    Args:
        settings: the timeouts and graces.
        clock: monotonic seconds, for waiting.
        wall_clock: Unix seconds, for what tokens say.
    """

    def __init__(self, settings: ClientSettings, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._wall_clock = wall_clock
        self._handshakes: TimeWheel[Connection] = TimeWheel(_TICK, _SLOTS, clock)
        self._lives: TimeWheel[_Life] = TimeWheel(_TICK, _SLOTS, clock)

    def watch_handshake(self, connection: Connection, accepted_at: float) -> None:
        """Close the connection unless `handshake_done` comes in time."""
        due = (accepted_at or self._clock()) + self._settings.handshake_timeout
        connection.bucket = self._handshakes.add(connection, due)

    def handshake_done(self, connection: Connection) -> None:
        """Forget the handshake's deadline."""
        if connection.bucket >= 0:
            self._handshakes.remove(connection.bucket, connection)
            connection.bucket = -1

    def watch_connection(self, connection: Connection) -> None:
        """Close the connection some grace after `connection.expire_at`, unless that moves on."""
        self._watch(_Life(connection, ""), connection.expire_at + self._settings.expired_close_delay)

    def watch_subscription(self, connection: Connection, channel: str) -> None:
        """End the subscription some grace after its `expire_at`, unless that moves on."""
        expire_at = connection.subs[channel].expire_at
        self._watch(_Life(connection, channel), expire_at + self._settings.expired_sub_close_delay)

    def advance(self) -> None:
        """End what is due."""
        now = self._clock()
        for connection in self._handshakes.advance(now):
            connection.bucket = -1
            connection.close("handshake_timeout")
        for life in self._lives.advance(now):
            if not life.connection.closed:
                self._end(life)

    # Private methods

    def _watch(self, life: _Life, moment: float) -> None:
        self._lives.add(life, self._clock() + max(0.0, moment - self._wall_clock()))

    def _end(self, life: _Life) -> None:
        """End a life that was not prolonged; deadlines of before a refresh come by here and are ignored."""
        connection, channel = life
        if not channel:
            if self._is_over(connection.expire_at, self._settings.expired_close_delay):
                connection.close("connection_expired")
            return
        subscription = connection.subs.get(channel)
        if subscription is None:
            return
        if not self._is_over(subscription.expire_at, self._settings.expired_sub_close_delay):
            return
        if subscription.flags & SERVER_SIDE:
            connection.close("subscription_expired")
        else:
            connection.core.spawn(subscribing.cancel(connection, channel, "subscription_token_lapsed"))

    def _is_over(self, expire_at: int, grace: float) -> bool:
        # Half a tick of tolerance: the two clocks are not read at the same moment.
        return bool(expire_at) and expire_at + grace <= self._wall_clock() + _TICK / 2
