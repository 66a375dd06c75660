"""`/admin/revocations`: revoke a user's tokens or a single one, and list what is revoked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from holdfast.auth.revocation import DEFAULT_KEPT_SECONDS, Revocation
from holdfast.connections.revoking import Order
from holdfast.connections.revoking_everywhere import RevokerEverywhere
from holdfast.errors import CapacityError, DoorError
from holdfast.routes.admin import AdminRequest
from holdfast.routes.admin_query import check_names

MOST_SECONDS: Final = 366 * 24 * 3600.0
LONGEST_NAME: Final = 1024
LONGEST_REASON: Final = 200

_FIELDS: Final = ("user", "jti", "seconds", "reason")


class AdminRevocations:
    """The answers of the path; `entries` returns what is revoked."""

    def __init__(self, revoker: RevokerEverywhere, entries: Callable[[], list[Revocation]]) -> None:
        self._revoker = revoker
        self._entries = entries

    async def list(self, request: AdminRequest) -> dict[str, Any]:
        """List what is revoked, the soonest to end first.

        Raises:
            DoorError: `query_invalid`.
        """
        check_names(request.query, ())
        return {"revocations": [one._asdict() for one in self._entries()]}

    async def revoke(self, request: AdminRequest) -> dict[str, Any]:
        """Revoke, and say how many connections were closed on all instances, and which did not confirm it.

        Raises:
            DoorError: `query_invalid`.
            CapacityError: `too_many_requests` where no more can be remembered.
        """
        check_names(request.query, ())
        order = read_order(request.body)
        try:
            done = await self._revoker.revoke(order)
        except OverflowError as error:
            raise CapacityError("too_many_requests", str(error)) from None
        answer: dict[str, Any] = {"disconnected": done.disconnected, "seconds": order.seconds}
        if done.missing:
            answer["missing"] = done.missing
        return answer if done.is_kept else {**answer, "kept": False}


def read_order(body: Any) -> Order:
    """Return what a request wants revoked.

    Raises:
        DoorError: `query_invalid`, with what was expected.
    """
    if not isinstance(body, dict):
        raise DoorError("query_invalid", 'Expected JSON such as {"user": "42"} or {"jti": "..."}.')
    check_names(body, _FIELDS)
    user, jti = body.get("user"), body.get("jti")
    if (user is None) == (jti is None):
        raise DoorError("query_invalid", "Expected either `user` or `jti`.")
    if user is not None and not _is_text(user, LONGEST_NAME):
        raise DoorError("query_invalid", f"`user`: expected a text of at most {LONGEST_NAME} characters.")
    if jti is not None and not (_is_text(jti, LONGEST_NAME) and jti):
        raise DoorError("query_invalid", f"`jti`: expected a text of 1 to {LONGEST_NAME} characters.")
    reason = body.get("reason", "")
    if not _is_text(reason, LONGEST_REASON):
        raise DoorError("query_invalid", f"`reason`: expected a text of at most {LONGEST_REASON} characters.")
    return Order(user, jti or "", _seconds(body.get("seconds", DEFAULT_KEPT_SECONDS)), reason)


def _seconds(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not 0 < value <= MOST_SECONDS:
        raise DoorError("query_invalid", f"`seconds`: expected a number above 0, at most {MOST_SECONDS:.0f}.")
    return float(value)


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest
