"""The bus: orders to other instances, and questions that they answer.

Messages go by the broker alone and arrive at most once, so whoever wants to know that something was done asks. Who does
not answer in time is named. Where no instance shares the broker, all of it returns at once.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final, Protocol, TypeVar

import msgspec

from holdfast.broker.base import Broker
from holdfast.connections.bus_messages import VERSION, Answer, Head, Message, Part
from holdfast.connections.bus_parts import MESSAGE_BYTES, Joiner, Sender
from holdfast.connections.bus_survey import Gathering, Overdue, Peers, Survey
from holdfast.errors import BrokerError, DoorError, GatewayError
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

Question = TypeVar("Question", bound=Message)
Result = TypeVar("Result")
Spawn = Callable[[Coroutine[Any, Any, object]], None]

_MOST_REPORTED: Final = 1000
_MOST_NAMED: Final = 20
_LONGEST_TYPE: Final = 64

_encode = msgspec.msgpack.Encoder().encode
_read_head = msgspec.msgpack.Decoder(Head).decode
_read_answer = msgspec.msgpack.Decoder(Answer).decode
_read_part = msgspec.msgpack.Decoder(Part).decode


class Timer(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Do not call."""


CallLater = Callable[[float, Callable[[], object]], Timer]


@dataclass(frozen=True, slots=True)
class Means:
    """What the bus works with: a survey's patience in seconds, who runs what nobody waits for, and the loop's timer."""

    timeout: float
    spawn: Spawn
    call_later: CallLater


@dataclass(frozen=True, slots=True)
class _Handler:
    decode: Callable[[bytes], Any]
    run: Callable[[Any], Awaitable[object]]


@dataclass(slots=True)
class BusStats:
    """What went over the bus, by type and direction, and what of it was ignored, by reason."""

    messages: Counter[tuple[str, str]] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)


class Bus:
    """Speaks with the other instances of a broker.

    Args:
        broker: carries messages.
        name: this instance.
        peers: who else is there.
        means: see there.
    """

    def __init__(self, broker: Broker, name: str, peers: Peers, means: Means) -> None:
        self._broker = broker
        self.name = name
        self.uid = os.urandom(8).hex()
        self._sender = Sender(broker, name, self.uid)
        self._peers = peers
        self._means = means
        self._handlers: dict[str, _Handler] = {}
        self._asked: dict[str, Gathering[Any]] = {}
        self._sent = 0
        self._joiner = Joiner()
        self._overdue = Overdue()
        self._reported: set[tuple[str, str]] = set()
        self.stats = BusStats()

    @property
    def is_alone(self) -> bool:
        """Whether nobody else can be there."""
        return not self._broker.is_shared

    # Public methods: what is said

    def answer(self, question: type[Question], run: Callable[[Question], Awaitable[object]]) -> None:
        """Let `run` answer all messages of a type; a GatewayError that it raises is the asker's."""
        tag = str(question.__struct_config__.tag)
        self._handlers[tag] = _Handler(msgspec.msgpack.Decoder(question).decode, run)

    async def ask(
        self, question: Message, instance: str, result: Callable[[bytes], Result], timeout: float = 0.0
    ) -> Result:
        """Return what one instance answers within `timeout` seconds, or within that of surveys.

        Args:
            question: what is asked; see `answer` for who is.
            instance: the name of another one.
            result: reads the answer, such as `reader(Done)`.
            timeout: in seconds.

        Raises:
            BrokerError: `peer_unreachable` when no answer came, or none can; the question may have had effect, but
                for an instance that is not there (`is_undone`).
            GatewayError: what the instance raised.
        """
        if self.is_alone or not (self._peers.is_known(instance) or instance in await self._peers.others()):
            raise BrokerError("peer_unreachable", f"no instance {instance[:64]!r} is there", is_undone=True)
        found = await self._gather(question, Gathering({instance}, result), timeout or self._means.timeout, instance)
        if found.failures:
            raise found.failures[instance]
        if found.missing:
            raise BrokerError("peer_unreachable", f"instance {instance[:64]!r} did not answer in time")
        return found.answers[instance]

    async def survey(
        self,
        question: Message,
        result: Callable[[bytes], Result],
        until: Callable[[Result], bool] | None = None,
    ) -> Survey[Result]:
        """Ask all other instances and return what they answered, until one answer is enough.

        It waits no longer than the timeout, and not for those that left a question unanswered and have shown no sign
        of life since.

        Raises:
            BrokerError: the broker would not say who is there, or would not carry the question.
        """
        others = {} if self.is_alone else await self._peers.others()
        if not others:
            return Survey()
        started = perf_counter()
        waiting = self._overdue.worth_waiting(others)
        found = await self._gather(question, Gathering(waiting, result, until), self._means.timeout)
        found.missing += sorted(set(others) - waiting - set(found.answers) - set(found.failures))
        self._overdue.note(others, found)
        tag = _tag_of(question)
        metrics.SURVEY_SECONDS.labels(tag).observe(perf_counter() - started)
        if found.missing:
            # Whoever has left meanwhile has nothing to say any more, and no connections.
            there = {name: peer.uid for name, peer in (await self._peers.others()).items()}
            found.missing = [name for name in found.missing if there.get(name) == others[name].uid]
        if found.missing:
            metrics.SURVEY_MISSING.labels(tag).inc(len(found.missing))
            _log.warning("survey_incomplete", question=tag, missing=found.missing[:_MOST_NAMED])
        return found

    async def tell(self, message: Message, instance: str) -> None:
        """Send one instance something that it need not answer; it arrives at most once.

        Raises:
            BrokerError: the broker would not carry it.
            DoorError: `body_too_large`.
        """
        await self._send(message, instance)

    # Public methods: what is heard

    def receive(self, message: bytes) -> None:
        """Take what the broker brought; whatever it is, nothing breaks."""
        if len(message) > MESSAGE_BYTES:
            self._ignore("too_long")
            return
        try:
            head = _read_head(message)
            if self._is_meant(head):
                self._take(head, message)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
            self._ignore("malformed")

    # Private methods: out

    async def _gather(
        self, question: Message, gathering: Gathering[Result], timeout: float, instance: str = ""
    ) -> Survey[Result]:
        """Send a question to one instance, or to all, and wait until the time is over at most."""
        self._sent += 1
        question.id = f"{self.uid}-{self._sent}"
        self._asked[question.id] = gathering
        timer = self._means.call_later(timeout, gathering.end)
        try:
            await self._send(question, instance)
            await gathering.wait()
        finally:
            timer.cancel()
            del self._asked[question.id]
        return gathering.survey

    async def _send(self, message: Message, instance: str = "") -> None:
        message.sender, message.uid = self.name, self.uid
        self.stats.messages[_tag_of(message), "out"] += 1
        await self._sender.send(_encode(message), instance)

    # Private methods: in

    def _is_meant(self, head: Head) -> bool:
        if not head.v or not head.type or not head.uid:
            self._ignore("malformed")
            return False
        if head.uid == self.uid:
            return False  # to all, and so to us
        if head.sender == self.name:
            self._peers.on_double(head.uid)
        if head.v != VERSION:
            self._ignore("version")
            self._report_version(head)
            return False
        return True

    def _take(self, head: Head, message: bytes) -> None:
        if head.type == "part":
            if (whole := self._joiner.add(_read_part(message))) is not None:
                self._take(_read_head(whole), whole)
            return
        if head.type == "answer":
            self._take_answer(_read_answer(message))
            return
        handler = self._handlers.get(head.type)
        if handler is None:
            self._ignore("type")
            self._report_type(head)
            if head.id:
                unknown = Answer(slug="method_not_found", detail=f"unknown here: {head.type[:_LONGEST_TYPE]!r}")
                self._means.spawn(self._reply(head, unknown))
            return
        self.stats.messages[head.type, "in"] += 1
        self._means.spawn(self._carry_out(head, handler, handler.decode(message)))

    def _take_answer(self, answer: Answer) -> None:
        self.stats.messages["answer", "in"] += 1
        if (asked := self._asked.get(answer.id)) is not None:  # else it comes too late
            asked.take(answer)

    async def _carry_out(self, head: Head, handler: _Handler, question: Message) -> None:
        try:
            answer = Answer(body=_encode(await handler.run(question)))
        except GatewayError as error:
            answer = Answer(slug=error.slug, detail=error.detail)
        except Exception:  # the boundary of another instance's question: it is told, and we go on
            _log.exception("control_failed", type=head.type, sender=head.sender)
            answer = Answer(slug="internal_error", detail="see the log of the instance that was asked")
        if head.id:
            await self._reply(head, answer)

    async def _reply(self, head: Head, answer: Answer) -> None:
        answer.id = head.id
        try:
            await self._send(answer, head.sender)
        except DoorError as error:
            await self._send(Answer(id=head.id, slug="internal_error", detail=error.detail), head.sender)
        except BrokerError as error:
            _log.warning("answer_not_sent", type=head.type, to=head.sender, slug=error.slug, detail=error.detail)

    # Private methods: what is not understood

    def _ignore(self, reason: str) -> None:
        self.stats.ignored[reason] += 1

    def _report_version(self, head: Head) -> None:
        if self._is_news(head.sender, f"v{head.v}"):
            _log.warning("control_version_unknown", sender=head.sender, version=head.v, expected=VERSION)

    def _report_type(self, head: Head) -> None:
        if self._is_news(head.sender, head.type[:_LONGEST_TYPE]):
            _log.warning("control_type_unknown", sender=head.sender, type=head.type[:_LONGEST_TYPE])

    def _is_news(self, sender: str, what: str) -> bool:
        if (sender, what) in self._reported or len(self._reported) >= _MOST_REPORTED:
            return False
        self._reported.add((sender, what))
        return True


def reader(result: type[Result]) -> Callable[[bytes], Result]:
    """Return what reads the answers of a type, for `ask` and `survey`."""
    return msgspec.msgpack.Decoder(result).decode


def _tag_of(message: Message) -> str:
    return str(message.__struct_config__.tag)
