"""`/admin/attempts`, `/admin/connections` and `/admin/connections/{id}`: what is known of whom."""

from __future__ import annotations

from typing import Any

from holdfast.errors import DoorError
from holdfast.monitoring.lookup import Lookup, State
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_query import check_names, read_query


class AdminLedger:
    """The answers of the three paths; `instance` is whose they are."""

    def __init__(self, lookup: Lookup, instance: str) -> None:
        self._lookup = lookup
        self._instance = instance

    async def attempts(self, request: AdminRequest) -> dict[str, Any]:
        """List refused attempts.

        Raises:
            DoorError: `query_invalid`.
        """
        query, limit = read_query(request.query)
        found = await self._lookup.attempts(query, limit)
        return {"instance": self._instance, "reaches_back_to": self._reaches("attempts"), "attempts": found}

    async def connections(self, request: AdminRequest) -> dict[str, Any]:
        """List live and ended connections, or either with `state`.

        Raises:
            DoorError: `query_invalid`.
        """
        query, limit = read_query(request.query, ("state",))
        state: State = request.query.get("state", "all")  # type: ignore[assignment]  # checked with the query
        found = await self._lookup.connections(query, limit, state)
        return {"instance": self._instance, "reaches_back_to": self._reaches("closes"), "connections": found}

    async def connection(self, request: AdminRequest) -> dict[str, Any]:
        """Tell what a client id or an attempt's id stands for.

        Raises:
            DoorError: `unknown_attempt`, `query_invalid`.
        """
        check_names(request.query, ())
        name = request.path["id"].lower()
        known = await self._lookup.connection(name)
        if known is None:
            raise DoorError("unknown_attempt", f"Came {name[:64]!r}, which is no client id and no attempt known here.")
        described = self._lookup.describe(known)
        return {"instance": self._instance, **described, "seen": await self._lookup.seen(known)}

    def _reaches(self, kind: str) -> float | None:
        return self._lookup.reaches_back_to()[kind]
