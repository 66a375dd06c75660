"""The end of connections that are too old: each is sent away at 80 to 100 % of the highest age, at its own moment.

Nothing is kept for it. A client id begins with the moment of the connect and ends in chance, so that it says both how
old a connection is and how old it may get; and the manager has the oldest first.
"""

from __future__ import annotations

import math
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from holdfast.connections.client_id import connected_at, prefix_of

if TYPE_CHECKING:
    from holdfast.connections.core import Core

YOUNGEST: Final = 0.8
"""The share of the highest age at which the first are sent away."""
# Between two looks at all who are older than that, as a share of the highest age.
_LOOKS: Final = 1 / 500
# Looking at one costs two microseconds, so that not all are looked at in the same turn of the loop.
_SLICE: Final = 500
# A clock that is set forward makes everybody old at once: even then they leave at twice the usual pace at most.
_HASTE: Final = 2.0
_CHANCE_DIGITS: Final = 4


def due_at(client: str, highest: float) -> float:
    """Return when a client with this id has to go, in Unix seconds; `highest` is the highest age in seconds."""
    chance = int(client[-_CHANCE_DIGITS:], 16) / 16**_CHANCE_DIGITS
    return connected_at(client) + highest * (YOUNGEST + (1 - YOUNGEST) * chance)


class Aging:
    """Sends away who is too old.

    Args:
        core: of the instance, whose manager exists when it is used.
        highest: the highest age in seconds; 0 is off.
        most: connections that the instance may have.
    """

    def __init__(self, core: Core, highest: float, most: int) -> None:
        self._core = core
        self._highest = highest
        self._every = highest * _LOOKS
        self._rate = _HASTE * most / (highest * (1 - YOUNGEST)) if highest else 0.0
        self._allowed = 1.0  # how many may be sent away now
        self._turned_at: float | None = None
        self._looked_at = -math.inf
        self._old: list[str] = []  # client ids that are still to be looked at, the oldest last

    def advance(self, now: float) -> None:
        """Send away whose time has come; called about twice a second, `now` is of the clock of connections."""
        if not self._highest:
            return
        since = now - self._turned_at if self._turned_at is not None else 0.0
        self._turned_at = now
        self._allowed = min(self._allowed + since * self._rate, max(1.0, self._rate * max(since, 1.0)))
        if self._core.lifecycle.is_leaving:  # everybody is sent away
            return
        if not self._old and now - self._looked_at >= self._every:
            self._looked_at = now
            self._old = self._older_than(YOUNGEST * self._highest)
        self._look(self._old[-_SLICE:])

    # Private methods

    def _older_than(self, age: float) -> list[str]:
        # Ids sort by age, and the manager has them in the order in which they came.
        limit = prefix_of(self._core.wall_clock() - age)
        found = list(takewhile(limit.__gt__, self._core.manager.connections))
        found.reverse()
        return found

    def _look(self, clients: list[str]) -> None:
        now, farewells = self._core.wall_clock(), self._core.farewells
        for client in reversed(clients):
            if due_at(client, self._highest) <= now:
                connection = self._core.manager.connections.get(client)
                if connection is not None and not farewells.has_told(connection):
                    if self._allowed < 1:
                        return
                    self._allowed -= 1
                    farewells.say(connection, "connection_too_old")
            self._old.pop()
