"""Prolonging from the server's side: what expires is asked of the user's backend instead of a fresh token."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from holdfast.connections.backend import Backend, Renewal
from holdfast.connections.subscription import Subscription
from holdfast.errors import ApplicationError, GatewayError
from holdfast.protocol.messages import NONE
from holdfast.telemetry.logs import get_logger

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection
    from holdfast.connections.core import Core

_log = get_logger(__name__)

# A backend that cannot answer ends nobody: as in Centrifugo, it is asked again after this. The spread is ours, for all
# those whose question failed at one moment.
_AGAIN_SECONDS = 60
_SPREAD_SECONDS = 10
_EXPIRED = Renewal(is_expired=True, expire_at=0, info=NONE)


class Refresher:
    """Asks for sessions and subscriptions whose end has come, and gives them another one or ends them."""

    def __init__(self, core: Core, backend: Backend) -> None:
        self._core = core
        self._backend = backend
        self.takes_sessions = backend.refreshes_sessions

    def takes_subscription(self, channel: str) -> bool:
        """Tell whether a subscription to this channel is prolonged here."""
        return self._backend.refreshes(self._core.rules.resolve(channel))

    async def refresh_session(self, connection: Connection) -> None:
        """Prolong or end a session."""
        before = connection.expire_at
        renewal = await self._ask(connection, "")
        if connection.closed or connection.expire_at != before:  # ended, or prolonged by the server API
            return
        if renewal.is_expired or renewal.expire_at <= self._core.wall_clock():
            connection.close("connection_expired")
            return
        connection.info = renewal.info or connection.info
        connection.expire_at = renewal.expire_at
        self._core.expiry.watch_session(connection)

    async def refresh_subscription(self, connection: Connection, channel: str) -> None:
        """Prolong or end a subscription."""
        before = connection.subs.get(channel)
        if before is None:
            return
        renewal = await self._ask(connection, channel)
        if connection.closed or connection.subs.get(channel) is not before:  # ended, or another one since
            return
        if renewal.is_expired or 0 < renewal.expire_at <= self._core.wall_clock():
            self._core.expiry.end_subscription(connection, channel)
            return
        connection.subs[channel] = Subscription(before.flags, renewal.info or before.info, renewal.expire_at)
        self._core.expiry.watch_subscription(connection, channel, renewal.expire_at)

    async def _ask(self, connection: Connection, channel: str) -> Renewal:
        facts = {"client": connection.client, "user": connection.user}
        try:
            if channel:
                return await self._backend.sub_refresh(connection, self._core.rules.resolve(channel))
            return await self._backend.refresh(connection)
        except ApplicationError as error:  # Centrifugo takes any answer without a result for the end
            _log.info("refresh_denied", slug=error.slug, **facts, **error.context)
            return _EXPIRED
        except GatewayError as error:
            _log.warning("refresh_postponed", slug=error.slug, detail=error.detail, **facts, **error.context)
        except Exception as error:  # a fault of ours must not make a session last for ever
            _log.error("command_failed", method="refresh", **facts, exc_info=error)
        again = int(self._core.wall_clock()) + _AGAIN_SECONDS + random.randrange(_SPREAD_SECONDS)
        return Renewal(is_expired=False, expire_at=again, info=NONE)
