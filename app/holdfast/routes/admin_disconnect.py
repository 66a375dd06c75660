"""`/admin/disconnect`: send the clients of users and addresses away, on all instances, at a bounded rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import structs

from holdfast.connections.sending_away import Choice, SendingAway, What
from holdfast.errors import DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_drain import HIGHEST_RATE, body_of, number
from holdfast.routes.admin_query import check_names
from holdfast.routes.admin_revocations import LONGEST_NAME

MOST_CHOSEN: Final = 1000


class AdminDisconnect:
    """The answers of the path: how it stands on each instance, and which did not answer."""

    def __init__(self, sending: SendingAway) -> None:
        self._sending = sending

    async def status(self, request: AdminRequest) -> dict[str, Any]:
        """Say what is under way.

        Raises:
            DoorError: `query_invalid`.
            BrokerError: the other instances could not be asked.
        """
        check_names(request.query, ())
        return await self._answer("look", Choice())

    async def disconnect(self, request: AdminRequest) -> dict[str, Any]:
        """Send clients away; without a `rate` only count them.

        Raises:
            DoorError: `query_invalid`.
            BrokerError: the other instances could not be told; here it is done.
        """
        body = body_of(request, ("users", "addresses", "rate"))
        choice = Choice(_names(body, "users"), _names(body, "addresses"))
        if not choice.users and not choice.addresses:
            raise DoorError("query_invalid", 'Expected `users`, `addresses` or both, such as {"users": ["42"]}.')
        if body.get("rate") is None:
            return await self._answer("look", choice)
        rate = number(body, "rate", HIGHEST_RATE)
        if rate == 0:
            raise DoorError("query_invalid", "`rate`: expected a number above 0.")
        return await self._answer("start", choice, rate)

    async def cancel(self, request: AdminRequest) -> dict[str, Any]:
        """Send nobody more away.

        Raises:
            DoorError: `query_invalid`.
            BrokerError: the other instances could not be told; here it is done.
        """
        body_of(request, ())
        return await self._answer("cancel", Choice())

    # Private methods

    async def _answer(self, what: What, choice: Choice, rate: float = 0.0) -> dict[str, Any]:
        found, missing = await self._sending.everywhere(what, choice, rate)
        return {"instances": {name: structs.asdict(one) for name, one in sorted(found.items())}, "missing": missing}


def _names(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = body.get(name, [])
    is_list = isinstance(given, list) and len(given) <= MOST_CHOSEN
    if not is_list or not all(isinstance(one, str) and len(one) <= LONGEST_NAME for one in given):
        raise DoorError("query_invalid", f"`{name}`: expected a list of at most {MOST_CHOSEN} texts.")
    return tuple(given)
