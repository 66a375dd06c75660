"""The long polling door: an ASGI endpoint at which commands come in and messages are fetched, one request at a time.

docs/poll.md is the protocol. Here are requests and answers; sessions and their numbers are in the modules beside it.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from starlette.types import Receive, Scope, Send

from holdfast.admission.check import REFUSALS
from holdfast.connections.transport import Admission, SinkFactory
from holdfast.errors import DoorError, GatewayError
from holdfast.protocol.framing import POLL_JSON
from holdfast.routes.body import ClientGone, read_body
from holdfast.routes.errors import check_method, refuse, send_bytes, turn_away
from holdfast.routes.observers import observe_poll_refusal
from holdfast.settings import PollSettings
from holdfast.transports.poll_exchange import Arrival
from holdfast.transports.poll_messages import SUPERSEDED, Opened, PollRequest, decode_request, encode_answer
from holdfast.transports.poll_session import OpenRequest, PollSession, PollSessions
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


class _Visit(NamedTuple):
    """What is left of a request once it was obeyed: whose it is, whether it opened that, and whether it may wait."""

    session: PollSession
    opens: bool
    waits: bool


class PollEndpoint:
    """Serves `/connection/poll`; used behind `CrossOrigin`."""

    def __init__(self, door: PollDoor, sessions: PollSessions) -> None:
        self._door = door
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, when there is something to say."""
        try:
            check_method(scope, POLL_METHODS)
            visit = await self._take(scope, receive)
        except ClientGone:
            return
        except GatewayError as error:
            await self._refuse(scope, receive, send, error)
            return
        if visit is None:
            self._sessions.outcomes["stale"] += 1
            await _answer(send, SUPERSEDED)
        else:
            await self._serve(visit, receive, send)

    # Private methods: requests

    async def _take(self, scope: Scope, receive: Receive) -> _Visit | None:
        """Obey a request; None if a newer one has come. Its body is gone with the return, for it may wait for long."""
        body = await read_body(receive, scope["headers"], self._door.settings.max_body_bytes)
        request = decode_request(body)
        waits = request.expects_answer()  # before it changes anything: nothing may fail from there to `_serve`
        session = self._go_on(request) if request.session else self._open(scope, body, request)
        return None if session is None else _Visit(session, opens=not request.session, waits=waits)

    def _open(self, scope: Scope, body: bytes, request: PollRequest) -> PollSession | None:
        """Return the session that the request opens, or has opened; None if that one has moved on."""
        opening = self._fingerprint(scope, body) if request.key is not None else b""
        session = self._sessions.opened_by(opening) if opening else None
        if session is not None:
            request.seq = request.ack = 0
            return None if session.arrive(request) is Arrival.STALE else session
        door = self._door
        handshake = read_handshake(scope, door.originate)
        handshake.transport, handshake.encoding = "poll", POLL_JSON
        handshake.accepted_at = door.loop.time()  # the socket itself may have served other requests
        door.admission(handshake)
        session = self._sessions.create(handshake.encoding, opening)
        session.begin(door.sinks, handshake, request)
        return session

    def _fingerprint(self, scope: Scope, body: bytes) -> bytes:
        """Return what a request shares with its own repetition, and with no other client's request."""
        digest = sha256(body)
        who = [b"%b:%b" % header for header in scope["headers"] if self._door.identifies(header[0])]
        for part in (scope.get("query_string", b""), *who):
            digest.update(b"\0%d:%b" % (len(part), part))
        return digest.digest()

    def _go_on(self, request: PollRequest) -> PollSession | None:
        """Return the session of a later request; None if a newer one has come."""
        session = self._sessions.find(request.session)
        if session is None or request.node not in ("", self._door.instance):
            raise DoorError("unknown_session", "Open another one.")
        if session.arrive(request) is Arrival.STALE:
            return None
        if session.has_ended and not session.exchange.has_messages and not request.close:
            raise DoorError("unknown_session", "It has ended; open another one.")
        return session

    # Private methods: answers

    async def _serve(self, visit: _Visit, receive: Receive, send: Send) -> None:
        session, waiting = visit.session, OpenRequest(self._door.loop)
        try:
            if session.exchange.has_messages or session.has_ended or not visit.waits:
                outcome = "messages" if session.exchange.has_messages else "empty"
            else:
                session.wait(waiting)
                outcome = await waiting.wait(receive)
        finally:
            session.leave(waiting)
        self._sessions.outcomes[outcome] += 1
        if outcome == "superseded":
            await _answer(send, SUPERSEDED)
        elif outcome != "gone":
            first, messages = session.exchange.take(self._door.settings.max_answer_bytes)
            opened = self._introduce(session) if visit.opens else None
            await _answer(send, encode_answer(first, messages, opened))

    def _introduce(self, session: PollSession) -> Opened:
        return Opened(session.session, self._door.instance, self._door.settings.timeout)

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


async def _answer(send: Send, body: bytes) -> None:
    await send_bytes(send, 200, body, [_NO_STORE])
