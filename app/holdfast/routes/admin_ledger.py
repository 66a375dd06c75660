"""`/admin/attempts`, `/admin/connections` and `/admin/connections/{id}`: what is known of whom, on any instance."""

from __future__ import annotations

from typing import Any, Literal

from holdfast.errors import DoorError
from holdfast.monitoring.elsewhere import Described, Elsewhere, merged
from holdfast.monitoring.ledger import Query
from holdfast.monitoring.lookup import Lookup, State
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_query import check_names, read_query

Kind = Literal["attempts", "connections"]


class AdminLedger:
    """The answers of the three paths; `instance` is this one, and answers for itself to the others."""

    def __init__(self, lookup: Lookup, instance: str, elsewhere: Elsewhere) -> None:
        self._lookup = lookup
        self._instance = instance
        self._elsewhere = elsewhere
        elsewhere.answer_who(self._who)
        elsewhere.answer_records(self._records)

    async def attempts(self, request: AdminRequest) -> dict[str, Any]:
        """List refused attempts.

        Raises:
            DoorError: `query_invalid`.
        """
        query, limit = read_query(request.query)
        return await self._list("attempts", query, limit)

    async def connections(self, request: AdminRequest) -> dict[str, Any]:
        """List live and ended connections, or either with `state`.

        Raises:
            DoorError: `query_invalid`.
        """
        query, limit = read_query(request.query, ("state",))
        return await self._list("connections", query, limit, request.query.get("state", "all"))

    async def connection(self, request: AdminRequest) -> dict[str, Any]:
        """Tell what a client id or an attempt's id stands for.

        Raises:
            DoorError: `unknown_attempt`, `query_invalid`.
        """
        check_names(request.query, ())
        name = request.path["id"].lower()
        if (known := await self._who(name)) is not None:
            return known
        found = await self._elsewhere.who(name)
        if found.one is None:
            silent = found.silent or ([found.trouble] if found.trouble else [])
            gaps = f"; other instances did not say: {', '.join(silent)}" if silent else ""
            raise DoorError("unknown_attempt", f"Came {name[:64]!r}, which is no client id and no known attempt{gaps}.")
        return found.one

    # Private methods

    async def _list(self, kind: Kind, query: Query, limit: int, state: str = "all") -> Described:
        here = await self._records(kind, query, limit, state)
        if self._elsewhere.is_alone:
            return here
        found = await self._elsewhere.records(kind, query, limit, state)
        records, back_to = merged([here, *found.records], kind, limit)
        return {"instance": self._instance, "reaches_back_to": back_to, kind: records, **found.gaps()}

    async def _records(self, kind: str, query: Query, limit: int, state: str) -> Described:
        back_to = self._lookup.reaches_back_to()
        if kind == "attempts":
            found = await self._lookup.attempts(query, limit)
            return {"instance": self._instance, "reaches_back_to": back_to["attempts"], "attempts": found}
        asked: State = state  # type: ignore[assignment]  # checked with the query
        found = await self._lookup.connections(query, limit, asked)
        return {"instance": self._instance, "reaches_back_to": back_to["closes"], "connections": found}

    async def _who(self, name: str) -> Described | None:
        known = await self._lookup.connection(name)
        if known is None:
            return None
        seen = await self._lookup.seen(known)
        return {"instance": self._instance, **self._lookup.describe(known), "seen": seen}
