"""Who has to go where an instance is full: those who came long ago and still have no session."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

# A client connects within a round trip or two, and fetches a token in between at most. Strangers who say nothing hold a
# place for so long, and not for the whole handshake timeout, so it takes more of them than the accept rate lets in.
PATIENCE_SECONDS: Final = 3.0
# Those whose connect is in work are passed over; behind many of them nobody is looked for.
_MOST_LOOKED_AT: Final = 16


def longest_idle(opening: Iterable[Connection], now: float) -> Connection | None:
    """Return the first of `opening`, oldest first, that has nothing in work and had its time; None if nobody has."""
    for connection in islice(opening, _MOST_LOOKED_AT):
        handshake = connection.handshake
        if handshake is None or not handshake.accepted_at or connection.task is not None:
            continue
        return connection if now - handshake.accepted_at >= PATIENCE_SECONDS else None
    return None
