"""Revocations: a user's tokens, or one token, no longer count, and whoever is connected by them has to go."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.codes import CODES
from holdfast.connections.connection import Connection
from holdfast.connections.core import Core
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What to revoke: a `user`, or else a token's `jti`; kept for so many seconds.

    A user's tokens count as revoked that were issued until now, or until `issued_until` (Unix seconds).
    """

    user: str | None = None
    jti: str = ""
    seconds: float = 0.0
    reason: str = ""
    issued_until: float | None = None


class Revoker:
    """Revokes and disconnects on this instance."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def revoke(self, order: Order) -> int:
        """Refuse the tokens from now on, and return how many connections were closed.

        A user may come back with a token issued later. The client of a single token is told to fetch another one: its
        error has no close code, so it is closed as one whose token expired.

        Raises:
            ValueError: neither user nor jti were given, or both.
            OverflowError: no more revocations can be remembered.
        """
        validator, manager = self._core.validator, self._core.manager
        validator.revoke(
            jti=order.jti,
            user=order.user,
            issued_until=order.issued_until,
            kept_seconds=order.seconds,
            reason=order.reason,
        )
        if order.user is not None:
            closed = self._close(manager.by_user(order.user), "user_revoked", CODES["user_revoked"].number)
            _log.info("revoked", user=order.user, reason=order.reason, connections=closed)
        else:
            closed = self._close(manager.by_token(order.jti), "token_revoked", CODES["connection_expired"].number)
            _log.info("revoked", jti=order.jti, reason=order.reason, connections=closed)
        return closed

    def _close(self, connections: list[Connection], slug: str, number: int) -> int:
        for connection in connections:
            connection.close(slug, number=number, reason=slug)
        return len(connections)
