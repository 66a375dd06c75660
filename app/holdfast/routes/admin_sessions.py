"""`/admin/sessions`: which sessions of the login a user has, and ending them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from holdfast.auth.refresh_tokens import Session
from holdfast.errors import DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_query import check_names
from holdfast.routes.admin_revocations import LONGEST_NAME, LONGEST_REASON

ListSessions = Callable[[str], Awaitable[Mapping[str, Session]]]
EndSessions = Callable[[str, str], Awaitable[tuple[int, int]]]


class AdminSessions:
    """The answers of the path."""

    def __init__(self, sessions_of: ListSessions, end_all: EndSessions) -> None:
        self._sessions_of = sessions_of
        self._end_all = end_all

    async def list(self, request: AdminRequest) -> dict[str, Any]:
        """List a user's sessions, the one used last first.

        Raises:
            DoorError: `query_invalid`.
        """
        check_names(request.query, ("user",))
        found = await self._sessions_of(_text(request.query, "user", LONGEST_NAME))
        rows = [
            {"session": name, "since": session.started_at, "refreshed_at": session.refreshed_at}
            for name, session in found.items()
        ]
        return {"sessions": sorted(rows, key=lambda row: -float(row["refreshed_at"]))}

    async def end(self, request: AdminRequest) -> dict[str, Any]:
        """End all of a user's sessions and connections; say how many there were.

        Raises:
            DoorError: `query_invalid`.
        """
        check_names(request.query, ())
        body = request.body
        if not isinstance(body, dict):
            raise DoorError("query_invalid", 'Expected JSON such as {"user": "alice"}.')
        check_names(body, ("user", "reason"))
        reason = _text(body, "reason", LONGEST_REASON) if "reason" in body else ""
        sessions, closed = await self._end_all(_text(body, "user", LONGEST_NAME), reason)
        return {"sessions": sessions, "disconnected": closed}


def _text(given: Mapping[str, Any], name: str, longest: int) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        raise DoorError("query_invalid", f"`{name}`: expected a text of 1 to {longest} characters.")
    return value
