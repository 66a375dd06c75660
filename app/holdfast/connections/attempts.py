"""Connections by the id of their attempt, for attempts whose clients chose it: nobody else can ask for one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from holdfast.connections import traces

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

_CHOSEN: Final = b"cid="


class Attempts:
    """Finds a connection at once, before its connect and after; strangers may ask a hundred times a second.

    Where several attempts have one id, a session goes before those without one, and the newest session counts.
    """

    def __init__(self) -> None:
        self._known: dict[int, Connection] = {}

    def __len__(self) -> int:
        return len(self._known)

    def opened(self, connection: Connection) -> None:
        """Know of a connection that has not connected yet."""
        if (handshake := connection.handshake) is not None and _CHOSEN in handshake.query:
            key = traces.key_of(handshake.attempt_id)
            if (known := self._known.get(key)) is None or known.closed:
                self._known[key] = connection

    def connected(self, connection: Connection) -> None:
        """Know of a session, whose handshake is about to be dropped."""
        if (handshake := connection.handshake) is not None and _CHOSEN in handshake.query:
            self._known[traces.key_of(handshake.attempt_id)] = connection

    def forget(self, connection: Connection) -> None:
        """Know that a connection ends."""
        key = traces.key_of(attempt_of(connection))
        if self._known.get(key) is connection:
            del self._known[key]

    def find(self, attempt: str) -> Connection | None:
        """Return the connection of an attempt, None if there is none."""
        found = self._known.get(traces.key_of(attempt))
        # The key is but a part of the id.
        is_meant = found is not None and traces.pack_id(attempt_of(found)) == traces.pack_id(attempt)
        return found if is_meant else None


def attempt_of(connection: Connection) -> str:
    """Return the id of a connection's attempt."""
    handshake = connection.handshake
    return handshake.attempt_id if handshake is not None else traces.attempt_of(connection.trace)
