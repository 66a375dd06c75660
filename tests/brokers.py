"""What broker tests share: clocks that stand still, a handler that remembers, publications, and a naive model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

import pytest
from msgspec import Raw

from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class Recorder:
    """A broker's handler that remembers what it was told."""

    def __init__(self) -> None:
        self.publications: list[tuple[str, Publication, StreamPosition]] = []
        self.joins: list[tuple[str, ClientInfo]] = []
        self.leaves: list[tuple[str, ClientInfo]] = []
        self.deltas: list[bool] = []
        self.messages: list[bytes] = []
        self.interruptions = 0
        self.resumed: list[set[str]] = []

    def on_publication(
        self, channel: str, publication: Publication, position: StreamPosition, use_delta: bool = False
    ) -> None:
        """Remember a publication."""
        self.deltas.append(use_delta)
        self.publications.append((channel, publication, position))

    def on_join(self, channel: str, info: ClientInfo) -> None:
        """Remember a join."""
        self.joins.append((channel, info))

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        """Remember a leave."""
        self.leaves.append((channel, info))

    def on_control(self, message: bytes) -> None:
        """Remember a message of an instance."""
        self.messages.append(message)

    def on_interrupted(self) -> None:
        """Remember that the link was lost."""
        self.interruptions += 1

    def on_resumed(self, channels: Collection[str]) -> None:
        """Remember what is delivered again."""
        self.resumed.append(set(channels))


class LoopClock:
    """Stands in for the clock of the running loop: its timers fire when a test says that it is time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = 1000.0
        monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: self._now)

    async def advance(self, seconds: float) -> None:
        """Let time pass, and the loop do what it then has to."""
        self._now += seconds
        for _ in range(10):
            await asyncio.sleep(0)


async def turn_until(check: Callable[[], object]) -> None:
    """Let the loop turn until something has come to pass."""
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110 - the loop's own turns are what is waited for
            await asyncio.sleep(0)


def publication(text: str = "1", **fields: object) -> Publication:
    """Return a publication with a JSON text as its data."""
    return Publication(Raw(text.encode()), **fields)


def offsets(publications: list[Publication]) -> list[int]:
    """Return the publications' offsets."""
    return [one.offset for one in publications]


def texts(publications: list[Publication]) -> list[str]:
    """Return the publications' data."""
    return [bytes(one.data).decode() for one in publications]
