"""What the connections of one listener share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Literal

from holdfast.admission.addresses import TrustedProxies
from holdfast.settings import Settings
from holdfast.transports.deadlines import DeadlineQueue
from holdfast.transports.handover import SocketContext

if TYPE_CHECKING:
    from holdfast.server.http import HandoverProtocol

Listener = Literal["public", "internal"]

LISTENER: Final = "holdfast.listener"
"""Key of the ASGI extension that says on which of our ports a request came in: `public` or `internal`."""


class ServerContext:
    """Limits, deadlines and whether sockets are handed over; one for the public and one for the internal port.

    `requests` bounds the time to a complete request; `refused` is how long a refused peer is still read, so that it
    sees the answer. `reads_offers` says that somebody may want to know which extensions a handshake offers;
    `originate` finds the client's address behind trusted proxies. `on_stale` is told of a connection that had ended
    before it was accepted.
    """

    __slots__ = (
        "extensions",
        "http",
        "offers_handover",
        "on_stale",
        "originate",
        "reads_offers",
        "refused",
        "requests",
        "sockets",
    )

    def __init__(
        self,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        listener: Listener = "public",
        *,
        offers_handover: bool = True,
    ) -> None:
        """Take the limits from the settings; timers run on `loop`."""
        self.http = settings.http
        self.originate = TrustedProxies(settings.http.trusted_proxies).originate
        self.offers_handover = offers_handover
        self.reads_offers = settings.websocket.compression
        self.extensions: dict[str, object] = {LISTENER: listener}
        self.on_stale: Callable[[], object] = _nothing
        self.sockets = SocketContext(settings.websocket, loop)
        self.requests: DeadlineQueue[HandoverProtocol] = DeadlineQueue(
            loop, settings.http.request_timeout, lambda protocol: protocol.on_request_timeout()
        )
        self.refused: DeadlineQueue[HandoverProtocol] = DeadlineQueue(
            loop, settings.websocket.close_timeout, lambda protocol: protocol.transport.abort()
        )

    def clear(self) -> None:
        """Cancel the timers."""
        for queue in (self.sockets.closing, self.requests, self.refused):
            queue.clear()


def _nothing() -> None:
    """Stand in for who was not named."""
