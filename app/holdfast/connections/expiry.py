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
    from holdfast.connections.refreshing import Refresher

# Expiries lie minutes ahead, so a turn of the wheel may too.
_TICK = 0.25
_SLOTS = 512


class _Life(NamedTuple):
    """A subscription that will end."""

    connection: Connection
    channel: str


class Expiry:
    """Deadlines of connections; each is forgotten with what it belongs to, so that nothing outlives its end.

    Args:
        settings: the timeouts and graces.
        clock: monotonic seconds, for waiting.
        wall_clock: Unix seconds, for what tokens say.
    """

    def __init__(self, settings: ClientSettings, clock: Callable[[], float], wall_clock: Callable[[], float]) -> None:
        self._settings = settings
        self.refresher: Refresher | None = None
        self._clock = clock
        self._wall_clock = wall_clock
        self._handshakes: TimeWheel[Connection] = TimeWheel(_TICK, _SLOTS, clock)
        self._sessions: TimeWheel[Connection] = TimeWheel(_TICK, _SLOTS, clock)
        self._subscriptions: TimeWheel[_Life] = TimeWheel(_TICK, _SLOTS, clock)
        # Few subscriptions end by themselves, so connections need no slot for their handles.
        self._handles: dict[tuple[Connection, str], tuple[int, _Life]] = {}

    def __len__(self) -> int:
        """Return how many deadlines wait."""
        return len(self._handshakes) + len(self._sessions) + len(self._subscriptions)

    # Public methods: deadlines

    def watch_handshake(self, connection: Connection, accepted_at: float) -> None:
        """Close the connection unless `handshake_done` comes in time."""
        due = (accepted_at or self._clock()) + self._settings.handshake_timeout
        connection.deadline = self._handshakes.add(connection, due)

    def handshake_done(self, connection: Connection) -> None:
        """Forget the handshake's deadline."""
        self._handshakes.remove(connection.deadline, connection)
        connection.deadline = -1

    def watch_session(self, connection: Connection) -> None:
        """Close the connection some grace after its `expire_at`, which may have moved; 0 is never."""
        self.forget_session(connection)
        if connection.expire_at:
            is_asked = self.refresher is not None and self.refresher.takes_sessions
            grace = 0.0 if is_asked else self._settings.expired_close_delay
            connection.deadline = self._sessions.add(connection, self._due(connection.expire_at + grace))

    def forget_session(self, connection: Connection) -> None:
        """Forget the session's deadline."""
        self._sessions.remove(connection.deadline, connection)
        connection.deadline = -1

    def watch_subscription(self, connection: Connection, channel: str, expire_at: int) -> None:
        """End the subscription some grace after `expire_at`; 0 is never."""
        self.forget_subscription(connection, channel)
        if expire_at:
            life = _Life(connection, channel)
            is_asked = self.refresher is not None and self.refresher.takes_subscription(channel)
            grace = 0.0 if is_asked else self._settings.expired_sub_close_delay
            handle = self._subscriptions.add(life, self._due(expire_at + grace))
            self._handles[life] = handle, life

    def forget_subscription(self, connection: Connection, channel: str) -> None:
        """Forget the subscription's deadline, if it has one."""
        if self._handles and (found := self._handles.pop((connection, channel), None)):
            self._subscriptions.remove(*found)

    def advance(self) -> None:
        """End what is due."""
        now = self._clock()
        for connection in self._handshakes.advance(now):
            connection.deadline = -1
            connection.close("handshake_timeout")
        for connection in self._sessions.advance(now):
            connection.deadline = -1
            if self.refresher is not None and self.refresher.takes_sessions:
                connection.core.spawn(self.refresher.refresh_session(connection))
            else:
                connection.close("connection_expired")
        for life in self._subscriptions.advance(now):
            # One that ended in this very turn is in the list all the same.
            if self._handles.pop(life, None) is not None:
                self._due_now(*life)

    def end_subscription(self, connection: Connection, channel: str) -> None:
        """End a subscription that was not prolonged; with a server-side one the connection ends."""
        subscription = connection.subs.get(channel)
        if subscription is None:
            return
        if subscription.flags & SERVER_SIDE:
            connection.close("subscription_expired")
        else:
            connection.core.spawn(subscribing.cancel(connection, channel, "subscription_token_lapsed"))

    # Private methods

    def _due(self, moment: float) -> float:
        return self._clock() + max(0.0, moment - self._wall_clock())

    def _due_now(self, connection: Connection, channel: str) -> None:
        if self.refresher is not None and self.refresher.takes_subscription(channel):
            connection.core.spawn(self.refresher.refresh_subscription(connection, channel))
        else:
            self.end_subscription(connection, channel)
