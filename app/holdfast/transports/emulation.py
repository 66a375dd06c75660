"""`POST /emulation`: the way back of a stream. What comes here is taken as if it had come over the stream itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope, Send

from holdfast.connections.bus import reader
from holdfast.connections.bus_messages import EmulationQuestion, EmulationTaken
from holdfast.connections.forwarding import Forwarder, note
from holdfast.connections.manager import EnhancedWebSocketManager
from holdfast.errors import CapacityError, DoorError, GatewayError, LifecycleError, error_of
from holdfast.protocol.emulation import Emulated, decode_json, decode_protobuf
from holdfast.routes.body import PROTOBUF_MEDIA_TYPE, ClientGone, media_type_of, read_body
from holdfast.routes.errors import check_method, error_headers, send_bytes, turn_away
from holdfast.transports.refusal import refusal_body

EMULATION_METHODS: Final = "POST"
"""For whoever wraps the endpoint."""

# Poll sessions have a way of their own, whose requests are numbered.
_EMULATED: Final = frozenset({"http_stream", "sse"})

# Ends that one request too many brings about, and that its sender is told at once.
_TOO_MUCH: Final = frozenset({"command_rate_limit", "inbox_overflow"})

_read_taken = reader(EmulationTaken)

Observer = Callable[[Scope, GatewayError | None], object]
"""Told of every request: what was wrong with it, or None."""


@dataclass(frozen=True, slots=True)
class EmulationRules:
    """The instance whose sessions these are, the longest body, and who is told."""

    instance: str
    max_body_bytes: int
    observe: Observer


class EmulationEndpoint:
    """Gives messages to the sessions they name; used behind `CrossOrigin`.

    Requests are taken in the order in which they are complete, whatever ids their commands have. One that is sent
    twice is carried out twice: replies name the command's id, so clients tell them apart.
    """

    def __init__(
        self, manager: EnhancedWebSocketManager, rules: EmulationRules, forwarder: Forwarder | None = None
    ) -> None:
        """Look for sessions in `manager`, and by `forwarder` at other instances, which may look for theirs here."""
        self._manager = manager
        self._rules = rules
        self._forwarder = forwarder
        if forwarder is not None:
            forwarder.bus.answer(EmulationQuestion, self._on_question)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: 204, or why not."""
        try:
            check_method(scope, EMULATION_METHODS)
            body = await read_body(receive, scope["headers"], self._rules.max_body_bytes)
        except ClientGone:
            self._rules.observe(scope, LifecycleError("client_gone"))
            return
        except DoorError as error:
            self._rules.observe(scope, error)
            await turn_away(scope, receive, send, error)
            return
        try:
            decode = decode_protobuf if media_type_of(scope["headers"]) == PROTOBUF_MEDIA_TYPE else decode_json
            request = decode(body)
            if request.node == self._rules.instance:
                lost = self._take(request.session, request.data, request.is_text)
            else:
                lost = await self._forward(request)
        except GatewayError as error:
            self._rules.observe(scope, error)
            await send_bytes(send, error.code.http_status, refusal_body(error), error_headers(error))
        else:
            self._rules.observe(scope, lost)
            await send({"type": "http.response.start", "status": 204, "headers": [(b"cache-control", b"no-store")]})
            await send({"type": "http.response.body"})

    async def _forward(self, request: Emulated) -> GatewayError | None:
        """Let the session's instance take a message; see `_take`."""
        if self._forwarder is None or not request.node:
            raise DoorError("unknown_session", "It is one of another instance.")
        question = EmulationQuestion(session=request.session, data=request.data, is_text=request.is_text)
        try:
            taken = await self._forwarder.ask(question, request.node, _read_taken)
        except GatewayError as error:
            note("emulation", request.node, error.slug)
            raise
        note("emulation", request.node, taken.lost or "ok")
        return error_of(taken.lost, "At another instance.") if taken.lost else None

    async def _on_question(self, question: EmulationQuestion) -> EmulationTaken:
        lost = self._take(question.session, question.data, question.is_text)
        return EmulationTaken(lost.slug if lost is not None else "")

    def _take(self, session: str, data: bytes, is_text: bool) -> GatewayError | None:
        """Deliver a message; return why that was not possible where its sender is not told."""
        connection = self._manager.by_session(session)
        if connection is None:
            # Its stream ends and says why. That may still be on its way through a proxy, and SDKs that get a 404 first
            # close the stream at once: they would come back although the stream tells them to stop.
            return DoorError("unknown_session", "It has ended, or never was.")
        if connection.transport.name not in _EMULATED:
            raise DoorError("unknown_session", "It is no stream's.")
        connection.on_message(data, is_text)
        if connection.closed and connection.ending in _TOO_MUCH:
            raise CapacityError(connection.ending)
        return None
