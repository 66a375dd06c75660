"""Poll sessions: each a transport whose client comes and goes, found by id and ended when it stays away."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from starlette.types import Receive

from holdfast.codes import CODES
from holdfast.connections.transport import Handshake, MessageSink, SinkFactory
from holdfast.errors import GatewayError
from holdfast.protocol.framing import Encoding
from holdfast.protocol.messages import DisconnectPush, Push
from holdfast.settings import Settings
from holdfast.telemetry.logs import get_logger
from holdfast.transports.deadlines import DeadlineQueue
from holdfast.transports.poll_exchange import Arrival, Exchange
from holdfast.transports.poll_messages import PollRequest

_log = get_logger(__name__)


class Waiting(Protocol):
    """A request that waits for an answer."""

    def wake(self, outcome: str) -> None:
        """Let it be answered; the first outcome counts, unless it is superseded before it was answered."""


class OpenRequest:
    """A request that waits in the task that serves it, at no cost but that task."""

    __slots__ = ("_loop", "_scope", "outcome")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.outcome = ""
        self._loop = loop
        self._scope = asyncio.timeout(None)

    def wake(self, outcome: str) -> None:
        """Let it be answered; the first outcome counts, unless it is superseded before it was answered."""
        if not self.outcome:
            self._scope.reschedule(self._loop.time())
        if not self.outcome or outcome == "superseded":
            self.outcome = outcome

    async def wait(self, receive: Receive) -> str:
        """Return the outcome once somebody wakes it, "gone" if the client leaves before."""
        try:
            async with self._scope:
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return self.outcome
        return "gone"


class PollSession:
    """A `connections.transport.Transport` whose output waits to be fetched."""

    name: str = "poll"
    session: str
    encoding: Encoding
    write: Callable[[bytes], None]

    __slots__ = (
        "_end",
        "_is_congested",
        "_open",
        "_sessions",
        "_sink",
        "encoding",
        "exchange",
        "opening",
        "session",
        "write",
    )

    def __init__(self, sessions: PollSessions, encoding: Encoding, opening: bytes) -> None:
        self.session = os.urandom(16).hex()
        self.encoding = encoding
        self.exchange = Exchange()
        self.opening = opening  # the fingerprint of the request that opened it; empty if that cannot be repeated
        self.write = self._put
        self._sessions = sessions
        self._sink: MessageSink | None = None
        self._open: Waiting | None = None
        self._end: tuple[int, str] | None = None
        self._is_congested = False

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be said than what waits."""
        return self._end is not None

    # Public methods of the transport

    def buffered(self) -> int:
        """Return the bytes that wait to be acknowledged."""
        return self.exchange.size

    def pause_reading(self) -> None:
        """Do nothing: a client sends no commands before the ones it sent are answered."""

    def resume_reading(self) -> None:
        """Do nothing; see `pause_reading`."""

    def close(self, code: int, reason: str) -> None:
        """Say goodbye behind what waits, and keep it for those who come for it."""
        if self._end is None:
            push = Push(disconnect=DisconnectPush(code, reason))
            self.exchange.put(self.encoding.codec.encode_push(push))
            self._finish(code, reason)

    def abort(self) -> None:
        """End like `close`: what waits can be fetched all the same."""
        self.close(CODES["write_error"].number, "write_error")

    # Public methods for the endpoint

    def begin(self, sinks: SinkFactory, handshake: Handshake, request: PollRequest) -> None:
        """Give the session to a sink, and the first commands with it."""
        try:
            self._sink = sinks(self, handshake)
        except GatewayError as error:
            self.close(error.code.number, error.slug)
        self._tell_end()
        self._obey(request)

    def arrive(self, request: PollRequest) -> Arrival:
        """Take a request: what it acknowledges, and its commands if they are new.

        The request that waited until now is answered without messages, for this one gets them.

        Raises:
            ProtocolError: `bad_request`; nothing has changed.
        """
        arrival = self.exchange.receive(request.seq, request.ack)
        if arrival is Arrival.STALE:
            return arrival
        if self._open is not None:
            self._open.wake("superseded")
            self._open = None
        self._sessions.idle.discard(self)
        self._note_drained()
        if arrival is Arrival.NEW:
            self._obey(request)
        return arrival

    def wait(self, request: Waiting) -> None:
        """Let a request be the one that waits."""
        self._open = request
        self._sessions.waiting.add(request)

    def leave(self, request: Waiting) -> None:
        """Know that a request waits no more; unless another does, the session's idle time begins."""
        self._sessions.waiting.discard(request)
        if self._open is request:
            self._open = None
        if self._open is None and self._end is None:
            self._sessions.idle.add(self)

    def expire(self) -> None:
        """End because nobody came."""
        self._finish(CODES["poll_idle"].number, "poll_idle")

    # Private methods

    def _put(self, unit: bytes) -> None:
        self.exchange.put(unit)
        if self._open is not None:
            self._open.wake("messages")
        if not self._is_congested and self.exchange.size > self._sessions.high_water:
            self._is_congested = True
            if self._sink is not None:
                self._sink.on_congested()

    def _note_drained(self) -> None:
        if self._is_congested and self.exchange.size <= self._sessions.high_water // 4:
            self._is_congested = False
            if self._sink is not None:
                self._sink.on_drained()

    def _obey(self, request: PollRequest) -> None:
        if request.commands and self._sink is not None:
            try:
                self._sink.on_message(b"\n".join(map(bytes, request.commands)), True)
            except Exception:  # the boundary between the server's loop and the gateway: one bug must cost one session
                _log.exception("sink_failed")
                self.close(CODES["server_error"].number, "server_error")
        if request.close and self._end is None:
            self._finish(CODES["client_closed"].number, "client_closed")

    def _finish(self, code: int, reason: str) -> None:
        self._end = (code, reason)
        if self._open is not None:
            self._open.wake("messages")
        self._sessions.retire(self)
        self._tell_end()

    def _tell_end(self) -> None:
        # A sink may end the session before it is known here; it is told when it is.
        if self._end is not None and self._sink is not None:
            sink, self._sink = self._sink, None
            sink.on_closed(*self._end)


class PollSessions:
    """The sessions of an instance and their deadlines, a few timers for all of them."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        poll = settings.poll
        self.high_water = settings.websocket.write_high_water
        self.outcomes: Counter[str] = Counter()  # of polls
        self.waiting: DeadlineQueue[Waiting] = DeadlineQueue(loop, poll.timeout, lambda request: request.wake("empty"))
        self.idle: DeadlineQueue[PollSession] = DeadlineQueue(loop, poll.idle_timeout, self._expire)
        self._ended: DeadlineQueue[PollSession] = DeadlineQueue(loop, poll.end_grace, self._forget)
        self._by_id: dict[str, PollSession] = {}
        self._by_opening: dict[bytes, PollSession] = {}

    def __len__(self) -> int:
        """Return how many sessions have not ended."""
        return len(self._by_id) - len(self._ended)

    def unfetched(self) -> int:
        """Return how many sessions have ended whose clients have not come for the last word."""
        return sum(session.exchange.has_unsent for session in self._ended)

    def create(self, encoding: Encoding, opening: bytes) -> PollSession:
        """Return a new session, which `begin` gives to a sink."""
        session = PollSession(self, encoding, opening)
        self._by_id[session.session] = session
        if opening:
            self._by_opening[opening] = session
        return session

    def find(self, session: str) -> PollSession | None:
        """Return a session that has not ended, or not long ago."""
        return self._by_id.get(session)

    def opened_by(self, opening: bytes) -> PollSession | None:
        """Return the session that the same request has opened already."""
        return self._by_opening.get(opening)

    def retire(self, session: PollSession) -> None:
        """Keep a session that has ended for those who come for what waits, but not for long."""
        self.idle.discard(session)
        self._ended.add(session)

    # Private methods

    def _expire(self, session: PollSession) -> None:
        session.expire()
        self._ended.discard(session)
        self._forget(session)

    def _forget(self, session: PollSession) -> None:
        self._by_id.pop(session.session, None)
        self._by_opening.pop(session.opening, None)
