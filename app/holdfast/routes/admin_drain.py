"""`/admin/drain` and `/admin/rebalance`: send clients away from a running instance, and bring it back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from holdfast.connections.drain import Drain, Order
from holdfast.connections.rebalance import Rebalance
from holdfast.errors import DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_query import check_names
from holdfast.routes.admin_revocations import LONGEST_REASON

LONGEST_WINDOW: Final = 86400.0
HIGHEST_RATE: Final = 10000.0


class AdminDrain:
    """The answers of `/admin/drain`; each has the status, those to orders also whether anything changed."""

    def __init__(self, drain: Drain, instance: str) -> None:
        self._drain = drain
        self._instance = instance

    async def status(self, request: AdminRequest) -> dict[str, Any]:
        """Say where the drain stands.

        Raises:
            DoorError: `query_invalid`.
        """
        check_names(request.query, ())
        return {"instance": self._instance, **self._drain.status().as_json()}

    async def start(self, request: AdminRequest) -> dict[str, Any]:
        """Begin; one that is under way goes on as it is.

        Raises:
            DoorError: `query_invalid`.
            LifecycleError: `shutting_down`.
        """
        body = body_of(request, ("window", "reason"))
        reason = body.get("reason", "")
        if not isinstance(reason, str) or len(reason) > LONGEST_REASON:
            raise DoorError("query_invalid", f"`reason`: expected a text of at most {LONGEST_REASON} characters.")
        window = number(body, "window", LONGEST_WINDOW) if body.get("window") is not None else None
        has_changed = self._drain.start(Order(window, reason))
        return {"has_changed": has_changed, **await self.status(request)}

    async def cancel(self, request: AdminRequest) -> dict[str, Any]:
        """Serve again.

        Raises:
            DoorError: `query_invalid`.
            LifecycleError: `shutting_down`.
        """
        body_of(request, ())
        has_changed = await self._drain.cancel()
        return {"has_changed": has_changed, **await self.status(request)}


class AdminRebalance:
    """The answers of `/admin/rebalance`, of the same form."""

    def __init__(self, rebalance: Rebalance, instance: str) -> None:
        self._rebalance = rebalance
        self._instance = instance

    async def status(self, request: AdminRequest) -> dict[str, Any]:
        """Say how the instances are balanced, and what this one does about it.

        Raises:
            DoorError: `query_invalid`.
        """
        check_names(request.query, ())
        return {"instance": self._instance, **self._rebalance.status().as_json()}

    async def start(self, request: AdminRequest) -> dict[str, Any]:
        """Send what is above the mean away.

        Raises:
            DoorError: `query_invalid`.
            LifecycleError: `shutting_down`.
        """
        body = body_of(request, ("rate",))
        rate = number(body, "rate", HIGHEST_RATE) if body.get("rate") is not None else None
        if rate == 0:
            raise DoorError("query_invalid", "`rate`: expected a number above 0.")
        has_changed = self._rebalance.start(rate)
        return {"has_changed": has_changed, **await self.status(request)}

    async def cancel(self, request: AdminRequest) -> dict[str, Any]:
        """Send nobody more away in this round.

        Raises:
            DoorError: `query_invalid`.
        """
        body_of(request, ())
        has_changed = self._rebalance.cancel()
        return {"has_changed": has_changed, **await self.status(request)}


def body_of(request: AdminRequest, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return the object that an order is, with none but these names; no body is an empty one.

    Raises:
        DoorError: `query_invalid`.
    """
    check_names(request.query, ())
    body = {} if request.body is None else request.body
    if not isinstance(body, dict):
        raise DoorError("query_invalid", "Expected a JSON object, or no body.")
    check_names(body, names)
    return body


def number(body: Mapping[str, Any], name: str, most: float) -> float:
    """Return a number from 0 to `most`.

    Raises:
        DoorError: `query_invalid`.
    """
    value = body[name]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 <= value <= most:
        raise DoorError("query_invalid", f"`{name}`: expected a number from 0 to {most:.0f}.")
    return float(value)
