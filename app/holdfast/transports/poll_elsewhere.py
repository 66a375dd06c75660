"""Polls that came to another instance than that of their session: ours at others, and others' here.

A request that finds nothing to say waits at both: here with its client, and there as the session's open request, where
a newer one takes its place wherever that came in. What is said to it comes as a message of its own. Where that is lost,
the client gets an empty answer and asks again: nothing is, for messages are kept until they are acknowledged.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Coroutine
from typing import Any

from starlette.types import Receive

from holdfast.connections.bus import reader
from holdfast.connections.bus_messages import PollGone, PollQuestion, PollResult, PollTaken
from holdfast.connections.forwarding import Forwarder, note
from holdfast.errors import BrokerError, DoorError, GatewayError
from holdfast.telemetry.logs import get_logger
from holdfast.transports.deadlines import DeadlineQueue
from holdfast.transports.poll_desk import PollDesk, Visit
from holdfast.transports.poll_messages import PollRequest, decode_request, encode_answer
from holdfast.transports.poll_session import OpenRequest

Spawn = Callable[[Coroutine[Any, Any, object]], None]

TRANSPORT = "poll"
_taken = reader(PollTaken)
_log = get_logger(__name__)


class Expected:
    """A poll whose client is here and whose session is not.

    Args:
        elsewhere: knows it while it waits.
        ticket: its name there.
        node: the session's instance.
        ack: what it acknowledges; no message behind that has been handled.
    """

    __slots__ = ("_elsewhere", "_open", "_result", "ack", "is_told", "node", "ticket", "uid")

    def __init__(self, elsewhere: PollsElsewhere, ticket: str, node: str, ack: int) -> None:
        self._elsewhere = elsewhere
        self._open: OpenRequest | None = None
        self._result: bytes | GatewayError = b""
        self.ticket = ticket
        self.node = node
        self.ack = ack
        self.uid = ""  # of the process at which it waits
        self.is_told = False  # by that

    # Public methods

    def tell(self, result: bytes | GatewayError) -> None:
        """Take what it is answered; only the first counts."""
        if not self._result:
            self._result = result
            if self._open is not None:
                self._open.wake("messages")

    def let_go(self) -> None:
        """Answer that there is nothing, so that the client asks again."""
        self.tell(encode_answer(self.ack + 1, []))

    async def wait(self, receive: Receive) -> bytes:
        """Return the answer once there is one; empty if the client has left.

        Raises:
            DoorError: `unknown_session`; its instance has gone meanwhile.
        """
        try:
            if not self._result:
                await self._wait(receive)
        finally:
            self._elsewhere.leave(self)
        if isinstance(self._result, GatewayError):
            note(TRANSPORT, self.node, self._result.slug)
            raise self._result
        note(TRANSPORT, self.node, ("ok" if self.is_told else "empty") if self._result else "gone")
        return self._result

    # Private methods

    async def _wait(self, receive: Receive) -> None:
        self._open = OpenRequest(self._elsewhere.loop)
        try:
            await self._open.wait(receive)
        finally:
            self._open = None


class Guest:
    """A poll whose session is here and whose client is not; the session's `Waiting`."""

    __slots__ = ("_elsewhere", "_outcome", "client_at", "ticket", "visit")

    def __init__(self, elsewhere: PollsElsewhere, visit: Visit, question: PollQuestion) -> None:
        self._elsewhere = elsewhere
        self._outcome = ""
        self.visit = visit
        self.ticket = question.ticket
        self.client_at = question.sender

    def wake(self, outcome: str) -> None:
        """Let it be answered with all that comes in this turn of the loop; see `Waiting`."""
        if not self._outcome:
            self._elsewhere.loop.call_soon(self._answer)
        if not self._outcome or outcome == "superseded":
            self._outcome = outcome

    def _answer(self) -> None:
        self._elsewhere.see_off(self, self._outcome)


class PollsElsewhere:
    """Asks other instances, and serves what they ask.

    Args:
        forwarder: the way to them.
        loop: the event loop.
        spawn: runs what nobody waits for.
        patience: how long a request may wait in all, in seconds: as long as at its session, and the way there and back.
    """

    def __init__(self, forwarder: Forwarder, loop: AbstractEventLoop, spawn: Spawn, patience: float) -> None:
        self.loop = loop
        self._forwarder = forwarder
        self._bus = forwarder.bus
        self._spawn = spawn
        self._desk: PollDesk
        self._tickets = 0
        self._expected: dict[str, Expected] = {}
        self._guests: dict[str, Guest] = {}
        self._late: DeadlineQueue[Expected] = DeadlineQueue(loop, patience, Expected.let_go)
        self._bus.answer(PollResult, self._on_result)
        forwarder.when_listed.append(self._look)
        forwarder.when_lost.append(self._let_all_go)

    def __len__(self) -> int:
        """Return how many polls wait whose clients are here or whose sessions are."""
        return len(self._expected) + len(self._guests)

    # Public methods: clients that are here

    async def forward(self, request: PollRequest, body: bytes) -> Expected:
        """Let a request be taken by the instance of its session.

        Raises:
            GatewayError: it was not, or nobody knows; see `Forwarder.ask`.
        """
        self._tickets += 1
        expected = Expected(self, f"{self._bus.uid}-{self._tickets}", request.node, request.ack)
        self._expected[expected.ticket] = expected
        question = PollQuestion(ticket=expected.ticket, body=body)
        try:
            taken = await self._forwarder.ask(question, request.node, _taken)
        except BaseException as error:
            del self._expected[expected.ticket]
            note(TRANSPORT, request.node, error.slug if isinstance(error, GatewayError) else "gone")
            raise
        expected.uid = taken.uid
        self._late.add(expected)
        if taken.body:
            self._tell(expected, taken.body)
        elif self._forwarder.is_stopping:
            expected.let_go()
        return expected

    def leave(self, expected: Expected) -> None:
        """Know that nobody waits for an answer any more."""
        self._late.discard(expected)
        del self._expected[expected.ticket]
        if not expected.is_told:
            self._spawn(self._send(PollGone(ticket=expected.ticket), expected.node))

    # Public methods: sessions that are here

    def serve(self, desk: PollDesk) -> None:
        """Let other instances ask this desk."""
        self._desk = desk
        self._bus.answer(PollQuestion, self._on_question)
        self._bus.answer(PollGone, self._on_gone)

    def see_off(self, guest: Guest, outcome: str) -> None:
        """Answer a poll that had to wait."""
        self._guests.pop(guest.ticket, None)
        guest.visit.session.leave(guest)
        answer = self._desk.answer(guest.visit, outcome)
        if answer:
            self._spawn(self._send(PollResult(ticket=guest.ticket, body=answer), guest.client_at))

    # Private methods: messages

    async def _on_question(self, question: PollQuestion) -> PollTaken:
        visit = self._desk.take(decode_request(question.body))
        if visit is None:
            return PollTaken(self._desk.answer(None))
        guest = Guest(self, visit, question)
        if visit.has_to_wait:
            self._guests[guest.ticket] = guest
            visit.session.wait(guest)
            return PollTaken(uid=self._bus.uid)
        visit.session.leave(guest)
        return PollTaken(self._desk.answer(visit))

    async def _on_gone(self, message: PollGone) -> None:
        if (guest := self._guests.get(message.ticket)) is not None:
            guest.wake("gone")

    async def _on_result(self, message: PollResult) -> None:
        if (expected := self._expected.get(message.ticket)) is not None:
            self._tell(expected, message.body)

    async def _send(self, message: PollGone | PollResult, instance: str) -> None:
        try:
            await self._bus.tell(message, instance)
        except (BrokerError, DoorError) as error:  # the other side's own patience ends it
            _log.debug("poll_not_told", to=instance, slug=error.slug, detail=error.detail)

    # Private methods: ends

    @staticmethod
    def _tell(expected: Expected, answer: bytes) -> None:
        expected.is_told = True
        expected.tell(answer)

    def _look(self) -> None:
        """End what waits for processes that are not there any more."""
        for expected in list(self._expected.values()):
            if expected.uid and self._forwarder.uid_of(expected.node) != expected.uid:
                expected.is_told = True  # nobody is there to be told that the client has gone
                expected.tell(DoorError("unknown_session", "Its instance has gone."))

    def _let_all_go(self) -> None:
        for expected in list(self._expected.values()):
            if expected.uid:  # else it may not have been taken
                expected.let_go()
