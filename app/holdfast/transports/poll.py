"""The long polling door: an ASGI endpoint at which commands come in and messages are fetched, one request at a time.

docs/poll.md is the protocol. Here are requests and answers; sessions and their numbers are in the modules beside it.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from starlette.types import Receive, Scope, Send

from holdfast.admission.check import REFUSALS
from holdfast.connections.transport import Admission, SinkFactory
from holdfast.errors import DoorError, GatewayError
from holdfast.protocol.framing import POLL_JSON
from holdfast.routes.body import ClientGone, read_body
from holdfast.routes.errors import check_method, refuse, send_bytes, turn_away
from holdfast.routes.observers import observe_poll_refusal
from holdfast.settings import PollSettings
from holdfast.transports.poll_desk import PollDesk, Visit
from holdfast.transports.poll_elsewhere import Expected, PollsElsewhere
from holdfast.transports.poll_exchange import Arrival
from holdfast.transports.poll_messages import PollRequest, decode_request
from holdfast.transports.poll_session import OpenRequest, PollSessions
from holdfast.transports.websocket import Originate, as_it_came, read_handshake

POLL_METHODS: Final = "POST"

_NO_STORE = (b"cache-control", b"no-store")


def has_identity(header: bytes) -> bool:
    """Tell whether a header (in lower case) may say who asks, where no backend is asked."""
    return header in (b"authorization", b"cookie")


@dataclass(frozen=True, slots=True)
class PollDoor:
    """What the endpoint opens to; two openings that differ in an identifying header are never taken for the same."""

    instance: str
    settings: PollSettings
    loop: AbstractEventLoop
    sinks: SinkFactory
    admission: Admission
    originate: Originate = as_it_came
    identifies: Callable[[bytes], bool] = has_identity


class PollEndpoint:
    """Serves `/connection/poll`; used behind `CrossOrigin`."""

    def __init__(self, door: PollDoor, sessions: PollSessions, elsewhere: PollsElsewhere | None = None) -> None:
        """Let sessions be opened and used; `elsewhere` has those of other instances."""
        self._door = door
        self._sessions = sessions
        self._desk = PollDesk(door.instance, sessions, door.settings.timeout, door.settings.max_answer_bytes)
        self._elsewhere = elsewhere
        if elsewhere is not None:
            elsewhere.serve(self._desk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, when there is something to say."""
        try:
            check_method(scope, POLL_METHODS)
            visit = await self._take(scope, receive)
            answer = await (self._serve(visit, receive) if isinstance(visit, Visit | None) else visit.wait(receive))
        except ClientGone:
            return
        except GatewayError as error:
            await self._refuse(scope, receive, send, error)
            return
        if answer:
            await send_bytes(send, 200, answer, [_NO_STORE])

    # Private methods: requests

    async def _take(self, scope: Scope, receive: Receive) -> Visit | Expected | None:
        """Obey a request, or let the instance of its session do so; None if a newer one has come.

        Its body is gone with the return, for it may wait for long.
        """
        body = await read_body(receive, scope["headers"], self._door.settings.max_body_bytes)
        request = decode_request(body)
        if not request.session:
            return self._open(scope, body, request)
        if request.node in ("", self._door.instance):
            return self._desk.take(request)
        if self._elsewhere is None:
            raise DoorError("unknown_session", "Open another one.")
        return await self._elsewhere.forward(request, body)

    def _open(self, scope: Scope, body: bytes, request: PollRequest) -> Visit | None:
        """Return a visit to the session that the request opens, or has opened; None if that one has moved on."""
        may_wait = request.expects_answer()
        opening = self._fingerprint(scope, body) if request.key is not None else b""
        session = self._sessions.opened_by(opening) if opening else None
        if session is not None:
            request.seq = request.ack = 0
            return None if session.arrive(request) is Arrival.STALE else Visit(session, may_wait, opens=True)
        door = self._door
        handshake = read_handshake(scope, door.originate)
        handshake.transport, handshake.encoding = "poll", POLL_JSON
        handshake.accepted_at = door.loop.time()  # the socket itself may have served other requests
        door.admission(handshake)
        session = self._sessions.create(handshake.encoding, opening)
        session.begin(door.sinks, handshake, request)
        return Visit(session, may_wait, opens=True)

    def _fingerprint(self, scope: Scope, body: bytes) -> bytes:
        """Return what a request shares with its own repetition, and with no other client's request."""
        digest = sha256(body)
        who = [b"%b:%b" % header for header in scope["headers"] if self._door.identifies(header[0])]
        for part in (scope.get("query_string", b""), *who):
            digest.update(b"\0%d:%b" % (len(part), part))
        return digest.digest()

    # Private methods: answers

    async def _serve(self, visit: Visit | None, receive: Receive) -> bytes:
        """Return the answer once there is one; empty if the client has left."""
        if visit is None:
            return self._desk.answer(None)
        waiting, outcome = OpenRequest(self._door.loop), ""
        try:
            if visit.has_to_wait:
                visit.session.wait(waiting)
                outcome = await waiting.wait(receive)
        finally:
            visit.session.leave(waiting)
        return self._desk.answer(visit, outcome)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: GatewayError) -> None:
        self._sessions.outcomes[error.slug] += 1
        if error.slug not in REFUSALS:  # of those the observer of admission was told
            handshake = read_handshake(scope, self._door.originate)
            handshake.transport = "poll"
            observe_poll_refusal(handshake, error)
        if error.slug == "body_too_large":
            await turn_away(scope, receive, send, error)
        else:
            await refuse(scope, send, error)
