"""Who is asked, what came back, and how long it is worth waiting for whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import msgspec

from holdfast.connections.bus_messages import VERSION, Answer
from holdfast.errors import BrokerError, GatewayError, error_of

Result = TypeVar("Result")


class Peer(Protocol):
    """An instance as the registry has it; `beat` changes with each sign of life, `bus` is the version it speaks."""

    uid: str
    bus: int
    beat: int


class Peers(Protocol):
    """Who else is there."""

    async def others(self) -> Mapping[str, Peer]:
        """Return the other instances by name, from the registry itself."""

    def is_known(self, name: str) -> bool:
        """Tell whether the registry had this other instance a moment ago."""

    def on_double(self, uid: str) -> None:
        """Know that another process has this instance's name."""


@dataclass(slots=True)
class Survey(Generic[Result]):
    """What other instances answered, by name; those that did not, and those that would not."""

    answers: dict[str, Result] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    failures: dict[str, GatewayError] = field(default_factory=dict)

    @property
    def silent(self) -> list[str]:
        """All that gave no result."""
        return sorted({*self.missing, *self.failures})


class Gathering(Generic[Result]):
    """One question under way: answers come in until all that were waited for are there, or one is enough.

    Args:
        waiting: the names of those that are waited for; others may answer too.
        read: reads a result.
        until: tells whether an answer makes all others unnecessary.
    """

    def __init__(
        self, waiting: Collection[str], read: Callable[[bytes], Result], until: Callable[[Result], bool] | None = None
    ) -> None:
        self.survey: Survey[Result] = Survey()
        self._waiting = set(waiting)
        self._read = read
        self._until = until
        self._is_enough = False
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(self, answer: Answer) -> None:
        """Take an answer; one that comes too late is dropped."""
        if self._ended.done():
            return
        name = answer.sender
        self._waiting.discard(name)
        try:
            if answer.slug:
                raise error_of(answer.slug, answer.detail)
            found = self.survey.answers[name] = self._read(answer.body)
            self._is_enough = self._until is not None and self._until(found)
        except GatewayError as error:
            self.survey.failures[name] = error
        except msgspec.DecodeError:
            self.survey.failures[name] = BrokerError("internal_error", f"the answer of {name[:64]!r} cannot be read")
        if self._is_enough or not self._waiting:
            self.end()

    def end(self) -> None:
        """Wait no longer."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def wait(self) -> None:
        """Return when it has ended; who has not answered by then is missing, unless enough was known."""
        if self._waiting and not self._is_enough:
            await self._ended
        if not self._is_enough:
            self.survey.missing += sorted(self._waiting)


class Overdue:
    """Remembers who left a question unanswered, for one that is dead must not slow down every further one."""

    def __init__(self) -> None:
        self._beats: dict[str, int] = {}  # by uid, of then

    def worth_waiting(self, others: Mapping[str, Peer]) -> set[str]:
        """Return the names of those that may answer: they understand us, and have lived since they last did not."""
        return {
            name
            for name, peer in others.items()
            if peer.bus == VERSION and self._beats.get(peer.uid, peer.beat - 1) != peer.beat
        }

    def note(self, others: Mapping[str, Peer], survey: Survey[Result]) -> None:
        """Learn from a survey."""
        kept = {peer.uid for name, peer in others.items() if name not in survey.answers and name not in survey.failures}
        late = {others[name].uid: others[name].beat for name in survey.missing if name in others}
        self._beats = {uid: beat for uid, beat in (self._beats | late).items() if uid in kept}
