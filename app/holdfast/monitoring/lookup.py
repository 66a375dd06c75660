"""What is known of an attempt or a connection, whether it was refused, lives or has ended; as JSON for those who ask.

Questions are async: instances that share a broker will ask each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Final, Literal

from holdfast.connections import client_id, traces
from holdfast.connections.attempts import attempt_of
from holdfast.connections.connection import Connection
from holdfast.connections.core import Core
from holdfast.connections.records import EndedConnection, RefusedAttempt
from holdfast.monitoring.ledger import Ledger, Query

State = Literal["live", "ended", "all"]
Known = RefusedAttempt | EndedConnection | Connection

# Filters that only an end can pass.
_OF_ENDS: Final = ("slug", "stage", "initiator")


class Lookup:
    """Looks among the connections of an instance and in its ledger."""

    def __init__(self, core: Core, ledger: Ledger) -> None:
        self._core = core
        self._ledger = ledger

    # Public methods

    async def attempt(self, attempt: str) -> Known | None:
        """Return what became of an attempt; the live connection first, for a client may use an id again."""
        found: Known | None = self._core.manager.by_attempt(attempt)
        return found or await self._ledger.find(attempt)

    async def connection(self, name: str) -> Known | None:
        """Return what a client id stands for, or else an attempt's id."""
        if (live := self._core.manager.connections.get(name)) is not None:
            return live
        if (ended := await self._ledger.find_client(name)) is not None:
            return ended
        return await self.attempt(name) or self._unnamed(name)

    async def attempts(self, query: Query, limit: int) -> list[dict[str, Any]]:
        """Return refused attempts that match, newest first."""
        return [self.describe(one) for one in await self._ledger.attempts(query, limit)]

    async def connections(self, query: Query, limit: int, state: State = "all") -> list[dict[str, Any]]:
        """Return connections that match, newest first: live ones by when they came, ended ones by when they ended."""
        found: list[tuple[float, dict[str, Any]]] = []
        if state != "ended" and not any(getattr(query, name) for name in _OF_ENDS):
            live = self._live(query, limit)
            found += [(client_id.connected_at(one.client), self.describe(one)) for one in live]
        if state != "live":
            ended = await self._ledger.connections(query, limit)
            found += [(one.ended_at, self.describe(one)) for one in ended]
        found.sort(key=lambda entry: entry[0], reverse=True)
        return [described for _, described in found[:limit]]

    async def seen(self, known: Known) -> dict[str, str]:
        """Return the headers with which an attempt came, empty where they are not remembered."""
        if isinstance(known, RefusedAttempt):
            return dict(known.seen)
        attempt = known.attempt if isinstance(known, EndedConnection) else attempt_of(known)
        return await self._ledger.seen(attempt)

    def reaches_back_to(self) -> dict[str, float | None]:
        """Return the moment of the oldest record of each kind, None where there is none."""
        return self._ledger.oldest()

    def describe(self, known: Known) -> dict[str, Any]:
        """Return it as JSON; `state` says what it is."""
        if isinstance(known, RefusedAttempt):
            return {"state": "refused", **_fields_of(known)}
        if isinstance(known, EndedConnection):
            return {"state": "ended", **_fields_of(known), "stage": known.stage, "seconds": round(known.lifetime, 3)}
        return self._describe_live(known)

    # Private methods

    def _unnamed(self, attempt: str) -> Connection | None:
        """Return the connection of an attempt whose id we made; nothing but a look at all of them finds it."""
        everybody = self._core.manager.everybody()
        return next((one for one in everybody if attempt_of(one) == attempt), None)

    def _live(self, query: Query, limit: int) -> list[Connection]:
        manager = self._core.manager
        known: Iterable[Connection] = manager.connections.values()
        if query.user:
            # In the order in which they came, as all of them are.
            known = sorted(manager.by_user(query.user), key=lambda one: one.client)
        found: list[Connection] = []
        for one in reversed(list(known)):
            opened_at = client_id.connected_at(one.client)
            if opened_at < query.since or len(found) >= limit:
                break
            is_meant = not query.address or one.address == query.address
            is_meant = is_meant and (not query.transport or one.transport.name == query.transport)
            if is_meant and opened_at <= query.until:
                found.append(one)
        return found

    def _describe_live(self, connection: Connection) -> dict[str, Any]:
        handshake = connection.handshake
        described: dict[str, Any] = {
            "state": "opening" if handshake is not None else "live",
            "client": connection.client,
            "attempt": attempt_of(connection),
            "user": connection.user,
            "address": connection.address,
            "transport": connection.transport.name,
            "agent": connection.agent,
            "timings": traces.timings_of(connection.trace) if handshake is None else dict(handshake.timings),
            "queued": connection.transport.buffered(),
        }
        if handshake is not None:
            return described
        opened_at = client_id.connected_at(connection.client)
        if connection.closed:
            described |= {"state": "ending", "slug": connection.ending}
        return described | {
            "opened_at": opened_at,
            "seconds": round(self._core.wall_clock() - opened_at, 3),
            "offsets": self._core.manager.reports.offsets(connection),
            "subscriptions": len(connection.subs),
            "rtt": connection.rtt / 1000,
        }


def _fields_of(record: RefusedAttempt | EndedConnection) -> dict[str, Any]:
    """Return its fields; `asdict` would copy all that is in them, which a thousand records make a stall of."""
    return {one.name: getattr(record, one.name) for one in fields(record)}
