"""How a connection is sent away without a loss, whoever wants it to go: a drain, a rebalance, its own age.

Whoever can move to another instance is asked to, and closed only if it is still here some time later; all others are
closed. Nobody is closed who waits for the reply to a command, unless that takes too long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, get_args

from holdfast.connections import traces
from holdfast.protocol.messages import ExtensionPush, Migrate, Push

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

Outcome = Literal["moved", "overdue", "closed"]
"""It left by itself once it was asked; it was asked and had to be closed; it was closed without being asked."""

# How long commands under way may take, where the caller does not say.
PATIENCE: Final = 10.0
# Each client is asked at its own moment, so it need not wait.
_MOVE_NOW: Final = Push(holdfast=ExtensionPush(Migrate(0)))
_BY_ITSELF: Final = frozenset({"client_closed", "client_gone", "ack_timeout"})


class _Asked(NamedTuple):
    slug: str
    due: float
    until: float


class _Busy(NamedTuple):
    slug: str
    until: float
    outcome: Outcome


class Farewells:
    """Those who were told to leave and have not left; nothing is kept of anybody else.

    Args:
        clock: monotonic seconds.
        grace: seconds from asking a client to move to closing what is still here.
        can_move: whether there may be somewhere to move to.
    """

    def __init__(self, clock: Callable[[], float], grace: float, *, can_move: bool) -> None:
        self._clock = clock
        self._grace = grace
        self._can_move = can_move
        self._asked: dict[Connection, _Asked] = {}
        self._busy: dict[Connection, _Busy] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        """How many left, by slug and outcome."""

    def __len__(self) -> int:
        """Return how many were told and have not left."""
        return len(self._asked) + len(self._busy)

    @property
    def asked(self) -> int:
        """How many were asked to move and have neither left nor been closed."""
        return len(self._asked)

    def has_told(self, connection: Connection) -> bool:
        """Tell whether a connection was told to leave."""
        return connection in self._asked or connection in self._busy

    def can_migrate(self, connection: Connection) -> bool:
        """Tell whether a connection would be asked to move."""
        return self._can_move and connection.is_connected and traces.can_migrate(connection.trace)

    def say(self, connection: Connection, slug: str, until: float | None = None) -> None:
        """Send a connection away for the cause `slug`; at `until` (10 s if not given) no reply is waited for any more.

        Whoever was asked already has its time, but not beyond `until`.
        """
        if connection.closed or connection in self._busy:
            return
        now = self._clock()
        known = self._asked.get(connection)
        if known is not None:
            if until is not None and until < known.until:
                self._asked[connection] = known._replace(due=min(known.due, until), until=until)
        elif self.can_migrate(connection):
            due = now + self._grace if until is None else min(now + self._grace, until)
            self._asked[connection] = _Asked(slug, due, due + PATIENCE if until is None else until)
            _ask(connection)
        else:
            self._let_go(connection, _Busy(slug, now + PATIENCE if until is None else until, "closed"), now)

    def advance(self) -> None:
        """Close those whose time is over, and those whose reply has been sent."""
        if not self._asked and not self._busy:
            return
        now = self._clock()
        for connection, busy in list(self._busy.items()):
            if connection.task is None or busy.until <= now:
                del self._busy[connection]
                self._close(connection, busy)
        # The order of asking is nearly that of being due; who is behind one that has longer waits for the next turn.
        for connection, asked in [*self._due(now)]:
            del self._asked[connection]
            self._let_go(connection, _Busy(asked.slug, asked.until, "overdue"), now)

    def forget(self, slug: str) -> None:
        """Close nobody any more who was told to leave for the cause `slug`; who was asked to move may still do so."""
        for told in (self._asked, self._busy):
            for connection in [one for one, kept in told.items() if kept.slug == slug]:
                del told[connection]

    def departed(self, connection: Connection) -> None:
        """Know that a connection ends."""
        asked = self._asked.pop(connection, None)
        busy = self._busy.pop(connection, None)
        if asked is not None:
            self.counts[asked.slug, "moved" if connection.ending in _BY_ITSELF else "overdue"] += 1
        elif busy is not None:
            self.counts[busy.slug, busy.outcome] += 1

    def counted(self, slug: str) -> dict[str, int]:
        """Return how many of those who were told to for the cause `slug` left in which way."""
        return {outcome: self.counts[slug, outcome] for outcome in get_args(Outcome)}

    # Private methods

    def _due(self, now: float) -> list[tuple[Connection, _Asked]]:
        found = []
        for connection, asked in self._asked.items():
            if asked.due > now:
                break
            found.append((connection, asked))
        return found

    def _let_go(self, connection: Connection, busy: _Busy, now: float) -> None:
        if connection.task is not None and now < busy.until:
            self._busy[connection] = busy
        else:
            self._close(connection, busy)

    def _close(self, connection: Connection, busy: _Busy) -> None:
        if not connection.closed:
            self.counts[busy.slug, busy.outcome] += 1
            connection.close(busy.slug)


def _ask(connection: Connection) -> None:
    try:
        connection.push(_MOVE_NOW)
    except Exception as error:  # the boundary of one connection: the others must be told all the same
        connection.on_write_failed(error)
