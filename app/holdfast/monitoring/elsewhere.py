"""What other instances know of attempts and connections: each answers for its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from holdfast.connections.bus import Bus, reader
from holdfast.connections.bus_messages import ExplainQuestion, Message, RecordsQuestion, WhoQuestion
from holdfast.connections.bus_survey import Survey
from holdfast.errors import BrokerError
from holdfast.monitoring.ledger import Query

Described = dict[str, Any]
"""As JSON."""

_NOTHING: Final = Query()
_read_one = reader(Described | None)  # type: ignore[arg-type]  # a union is no class to mypy
_read_records = reader(Described)


@dataclass(slots=True)
class Found:
    """What was found elsewhere: the `one`, or `records` of each instance; `silent` are those that did not say.

    `trouble` is the slug where the broker was away, so that nobody could be asked.
    """

    one: Described | None = None
    records: list[Described] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    trouble: str = ""

    def gaps(self) -> Described:
        """Return what an answer says of those that did not: nothing where all did."""
        given = {"missing": self.silent, "trouble": self.trouble}
        return {name: value for name, value in given.items() if value}


class Elsewhere:
    """Asks the other instances; where there are none, everything is empty at once."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @property
    def is_alone(self) -> bool:
        """Whether there is nobody to ask."""
        return self._bus.is_alone

    # Public methods: questions; a broker that is away is said in the answer

    async def explain(self, cid: str) -> Found:
        """Return the explanation of an attempt by the first instance that has one."""
        return await self._first(ExplainQuestion(cid=cid))

    async def who(self, name: str) -> Found:
        """Return what a client id or an attempt's id stands for, by the first instance that knows."""
        return await self._first(WhoQuestion(name=name))

    async def records(self, kind: str, query: Query, limit: int, state: str = "all") -> Found:
        """Return the answers of all instances about their own records; `kind` is "attempts" or "connections"."""
        given = {name: value for name, value in asdict(query).items() if value != getattr(_NOTHING, name)}
        question = RecordsQuestion(kind=kind, query=given, limit=limit, state=state)
        try:
            found = await self._bus.survey(question, _read_records)
        except BrokerError as error:
            return Found(trouble=error.slug)
        return Found(records=list(found.answers.values()), silent=found.silent)

    # Public methods: answers

    def answer_explain(self, run: Callable[[str], Awaitable[Described | None]]) -> None:
        """Let `run` explain attempts of this instance to others."""
        self._bus.answer(ExplainQuestion, lambda question: run(question.cid))

    def answer_who(self, run: Callable[[str], Awaitable[Described | None]]) -> None:
        """Let `run` tell others what an id stands for here."""
        self._bus.answer(WhoQuestion, lambda question: run(question.name))

    def answer_records(self, run: Callable[[str, Query, int, str], Awaitable[Described]]) -> None:
        """Let `run` list this instance's records for others."""

        def listed(question: RecordsQuestion) -> Awaitable[Described]:
            known = {name: value for name, value in question.query.items() if hasattr(_NOTHING, name)}
            return run(question.kind, Query(**known), question.limit, question.state)

        self._bus.answer(RecordsQuestion, listed)

    # Private methods

    async def _first(self, question: Message) -> Found:
        try:
            found: Survey[Described | None] = await self._bus.survey(question, _read_one, lambda one: one is not None)
        except BrokerError as error:
            return Found(trouble=error.slug)
        known = next((one for one in found.answers.values() if one is not None), None)
        return Found(known, silent=[] if known is not None else found.silent)


def merged(answers: Iterable[Described], name: str, limit: int) -> tuple[list[Described], float | None]:
    """Return the records of several answers, newest first, each with its instance; and since when all are complete."""
    records: list[Described] = []
    oldest: list[float] = []
    for answer in answers:
        records += [{"instance": answer["instance"], **one} for one in answer[name]]
        if (back_to := answer["reaches_back_to"]) is not None:
            oldest.append(back_to)
    records.sort(key=_moment, reverse=True)
    return records[:limit], max(oldest, default=None)


def _moment(record: Described) -> float:
    return float(record.get("at") or record.get("ended_at") or record.get("opened_at") or 0.0)
