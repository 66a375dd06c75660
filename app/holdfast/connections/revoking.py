"""Revocations: a user's tokens, or one token, no longer count, and whoever is connected by them has to go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from holdfast.auth.revocation import Revocation
from holdfast.codes import CODES
from holdfast.connections import client_id
from holdfast.connections.connection import Connection
from holdfast.connections.core import Core
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

_SLICE = 200  # some milliseconds at most, where each has a connection to close


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
            closed = _close_for_good(manager.by_user(order.user))
            _log.info("revoked", user=order.user, reason=order.reason, connections=closed)
        else:
            closed = _close_to_fetch(manager.by_token(order.jti))
            _log.info("revoked", jti=order.jti, reason=order.reason, connections=closed)
        return closed

    async def catch_up(self, entries: Iterable[Revocation]) -> int:
        """Take over what was revoked while this instance could not hear of it, and return how many were closed.

        The loop turns meanwhile: there may be as many as are remembered at all.

        A user's connection that came after the revocation may live by a token from before it, since nobody here
        refused that, or by a good one: its client is told to fetch another token, which shows it.

        Raises:
            OverflowError: no more revocations can be remembered.
        """
        core = self._core
        now, closed, tokens = core.wall_clock(), 0, set[str]()
        for count, one in enumerate(entries, 1):
            if count % _SLICE == 0:
                await asyncio.sleep(0)
            kept_seconds = one.kept_until - now
            if one.kind == "jti":
                core.validator.revoke(jti=one.name, kept_seconds=kept_seconds, reason=one.reason)
                tokens.add(one.name)
                continue
            core.validator.revoke(
                user=one.name, issued_until=one.issued_until, kept_seconds=kept_seconds, reason=one.reason
            )
            found = core.manager.by_user(one.name)
            closed += _close_for_good([each for each in found if _came_at(each) <= one.issued_until])
            closed += _close_to_fetch([each for each in found if _came_at(each) > one.issued_until])
        return closed + _close_to_fetch(core.manager.by_tokens(tokens))


def _came_at(connection: Connection) -> float:
    return client_id.connected_at(connection.client)


def _close_for_good(connections: list[Connection]) -> int:
    return _close(connections, "user_revoked", CODES["user_revoked"].number)


def _close_to_fetch(connections: list[Connection]) -> int:
    return _close(connections, "token_revoked", CODES["connection_expired"].number)


def _close(connections: list[Connection], slug: str, number: int) -> int:
    for connection in connections:
        connection.close(slug, number=number, reason=slug)
    return len(connections)
