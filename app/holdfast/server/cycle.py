"""The ASGI side of one WebSocket handshake: what the application says becomes bytes on the socket."""

from __future__ import annotations

import asyncio

from holdfast.codes import CODES
from holdfast.connections.transport import Handshake, SinkFactory
from holdfast.errors import BrokerError, DoorError, GatewayError
from holdfast.resilience.eager import run_eagerly
from holdfast.server.events import AsgiApp, AsgiEvents, Event
from holdfast.telemetry.logs import get_logger
from holdfast.transports.extensions import Offer
from holdfast.transports.handover import ABNORMAL, WebSocketTransport
from holdfast.transports.opening import accept_response
from holdfast.transports.refusal import refusal_response, response_bytes

_NO_HANDSHAKE = Handshake("", b"", [], "", "", "")

_log = get_logger(__name__)


class UpgradeCycle:
    """One handshake, from the parsed request until the socket has an owner or was refused.

    It is the value of the `holdfast.handover` extension. An application that does not use that gets ordinary ASGI
    events for as long as the connection lives. Nothing holds the cycle once the application has returned.
    """

    __slots__ = (
        "_body",
        "_denial",
        "_early",
        "_events",
        "_is_answered",
        "_is_begun",
        "_is_owned",
        "_key",
        "_socket",
        "accepted_at",
        "offers",
    )

    def __init__(
        self, socket: WebSocketTransport, key: bytes, early: bytes, accepted_at: float, offers: list[Offer]
    ) -> None:
        """Answer for `socket`; `key` and `offers` are the client's, `early` is what came behind its request."""
        self.accepted_at = accepted_at
        self.offers = offers
        self._socket = socket
        self._key = key
        self._early = early
        self._is_begun = False
        self._is_answered = False
        self._is_owned = False
        self._denial: Event | None = None
        self._body = b""
        self._events: AsgiEvents | None = None

    def start(
        self, app: AsgiApp, scope: Event, loop: asyncio.AbstractEventLoop, tasks: set[asyncio.Task[None]]
    ) -> None:
        """Run the application; only one that waits costs a task."""
        task = run_eagerly(self._run(app, scope), loop, self._on_crash)
        if task is not None:
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    def attach(self, sinks: SinkFactory, handshake: Handshake) -> None:
        """Give the accepted socket to a sink.

        Raises:
            RuntimeError: the handshake is not accepted, or the socket has an owner.
        """
        if not self._is_answered or self._is_owned:
            raise RuntimeError("expected an accepted WebSocket without an owner")
        self._is_owned = True
        self._socket.attach(sinks, handshake, self._early)

    # Private methods

    async def _run(self, app: AsgiApp, scope: Event) -> None:
        await app(scope, self._receive, self._send)
        if not self._is_answered:
            _log.error("handshake_unanswered", path=scope["path"])
            self._refuse(BrokerError("internal_error"))
        elif self._events is not None or not self._is_owned:
            self._ordinary_events().close()

    def _on_crash(self, error: Exception) -> None:
        _log.error("handshake_failed", exc_info=error)
        if not self._is_answered:
            self._refuse(BrokerError("internal_error"))
            return
        if not self._is_owned:
            self._ordinary_events()  # a socket can be closed once it has an owner
        self._socket.close(CODES["server_error"].number, "server_error")

    async def _receive(self) -> Event:
        if not self._is_begun:
            self._is_begun = True
            return {"type": "websocket.connect"}
        return await self._ordinary_events().receive()

    async def _send(self, event: Event) -> None:
        kind = event["type"]
        if self._is_answered:
            await self._ordinary_events().send(event)
        elif kind == "websocket.accept":
            self._accept(event)
        elif kind == "websocket.close":  # what Starlette's router does with a path it does not know
            self._refuse(DoorError("not_found"))
        elif kind == "websocket.http.response.start":
            self._denial = event
        elif kind == "websocket.http.response.body" and self._denial is not None:
            self._deny(event)
        else:
            raise RuntimeError(f"expected an answer to the handshake, got {kind}")

    def _accept(self, event: Event) -> None:
        headers = list(event.get("headers") or ())
        if event.get("subprotocol"):
            headers.append((b"sec-websocket-protocol", event["subprotocol"].encode("latin-1")))
        self._is_answered = True
        self._socket.write(accept_response(self._key, headers))

    def _deny(self, event: Event) -> None:
        self._body += event.get("body", b"")
        if event.get("more_body", False) or self._denial is None:
            return
        self._is_answered = self._is_owned = True
        self._socket.refuse(response_bytes(self._denial["status"], list(self._denial["headers"]), self._body))

    def _refuse(self, error: GatewayError) -> None:
        self._is_answered = self._is_owned = True
        self._socket.refuse(refusal_response(error))

    def _ordinary_events(self) -> AsgiEvents:
        """Speak ASGI for the socket from now on, as its sink.

        Raises:
            RuntimeError: the handshake is not answered, or the socket has another owner.
        """
        if self._events is None:
            if not self._is_answered or self._is_owned:
                raise RuntimeError("expected a WebSocket that is accepted and not handed over")
            self._is_owned = True
            events = self._events = AsgiEvents(self._socket)
            self._socket.attach(lambda socket, handshake: events, _NO_HANDSHAKE, self._early)
            if self._socket.is_lost:
                events.on_closed(ABNORMAL, "")
        return self._events
