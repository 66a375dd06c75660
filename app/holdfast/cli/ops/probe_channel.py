"""Numbered messages through a channel: published over HTTP, followed over a socket, each one accounted for."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from holdfast.cli.conversation import Event, Noticed, Received
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.follow import Follower
from holdfast.cli.place import Place
from holdfast.cli.subscribe import FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS, made_tokens_of
from holdfast.resilience.backoff import full_jitter

if TYPE_CHECKING:
    from holdfast.settings import Settings

USER = "holdfast-drill"
_RETRY_SECONDS = 0.2


@dataclass(slots=True)
class Counted:
    """What became of the messages: numbers that were acknowledged and never came are `lost`.

    `longest_wait` is how many seconds a message was tried, at most, until it was acknowledged.
    """

    acknowledged: int = 0
    received: int = 0
    doubled: int = 0
    disordered: int = 0
    gaps: int = 0
    lost: list[int] = field(default_factory=list)
    unready: list[str] = field(default_factory=list)
    longest_wait: float = 0.0


@dataclass(slots=True)
class Prober:
    """Publishes and follows on a channel."""

    channel: str
    rate: float
    counted: Counted = field(default_factory=Counted)
    _run: str = field(default_factory=lambda: os.urandom(8).hex())
    _sent: set[int] = field(default_factory=set)
    _seen: list[int] = field(default_factory=list)
    _connected: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def running(self, public: Place, loaded: Settings, internal: Place) -> AsyncIterator[Counted]:
        """Publish and follow for the length of a block."""
        follower = Follower(
            public.websocket,
            [self.channel],
            made_tokens_of(loaded, USER),
            self.take,
            lambda attempt: full_jitter(attempt, FIRST_DELAY_SECONDS, MAX_DELAY_SECONDS),
        )
        key = loaded.api.keys[0].get_secret_value() if loaded.api.keys else ""
        place = Place(internal.public, internal.internal, key)
        tasks = [asyncio.create_task(follower.run()), asyncio.create_task(self._publish(_caller(place, self.channel)))]
        try:
            yield self.counted
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def until_connected(self, patience: float) -> None:
        """Return when the first message has come.

        Raises:
            CliError: none did.
        """
        try:
            async with asyncio.timeout(patience):
                await self._connected.wait()
        except TimeoutError:
            raise CliError(
                f"no message came through {self.channel!r}; may clients subscribe to it?", Exit.UNKNOWN
            ) from None

    async def finish(self, patience: float) -> None:
        """Publish no more, and wait until all that was acknowledged has come; what has not by then is lost."""
        self._over.set()
        ends_at = asyncio.get_running_loop().time() + patience
        while self._missing() and asyncio.get_running_loop().time() < ends_at:  # noqa: ASYNC110 - two tasks change it
            await asyncio.sleep(0.1)
        self.account()

    def account(self) -> None:
        """Count what became of each."""
        counted, seen = self.counted, self._seen
        counted.acknowledged = len(self._sent)
        counted.received = len(seen)
        counted.doubled = len(seen) - len(set(seen))
        counted.disordered = sum(later < earlier for earlier, later in pairwise(seen))
        counted.lost = sorted(self._missing())

    def take(self, event: Event) -> None:
        """Take what the follower tells."""
        if isinstance(event, Received):
            data = event.data
            if isinstance(data, dict) and data.get("run") == self._run:
                self._seen.append(int(data["n"]))
                self._connected.set()
        elif isinstance(event, Noticed) and "could not be recovered" in event.text:
            self.counted.gaps += 1

    # Private methods

    def _missing(self) -> set[int]:
        """Return what has not come; what was published before the first one came is nobody's loss."""
        first = self._seen[0] if self._seen else 0
        return {number for number in self._sent - set(self._seen) if number >= first}

    async def _publish(self, publish: Callable[[dict[str, Any], str], None]) -> None:
        """Publish numbers; each is repeated under its own key until it is acknowledged."""
        number, clock = 0, asyncio.get_running_loop().time
        while not self._over.is_set():
            number += 1
            began = clock()
            while True:
                try:
                    await asyncio.to_thread(publish, {"run": self._run, "n": number}, f"{self._run}-{number}")
                except CliError:
                    await asyncio.sleep(_RETRY_SECONDS)
                else:
                    break
            self._sent.add(number)
            self.counted.longest_wait = max(self.counted.longest_wait, round(clock() - began, 3))
            await asyncio.sleep(1 / self.rate)


def _caller(place: Place, channel: str) -> Callable[[dict[str, Any], str], None]:
    from holdfast.cli.api_client import call

    def publish(data: dict[str, Any], key: str) -> None:
        call(place, "publish", channel=channel, data=data, idempotency_key=key)

    return publish
