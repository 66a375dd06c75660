"""The commands of one request: one after the other, or side by side within bounds; replies always in order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from holdfast.errors import ProtocolError
from holdfast.resilience.eager import run_eagerly
from holdfast.routes import api_messages as api

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class ManyRules:
    """What requests with many commands are held to.

    `max_parallel` is how many commands of a request may wait for their answers at the same time, `turn` how many are
    begun before others get their turn of the event loop. `on_error` hears the slug of each command that failed.
    """

    max_commands: int
    max_parallel: int
    turn: int
    on_error: Callable[[str], None]

    def check_count(self, count: int, where: str) -> None:
        """Refuse too many commands before any is carried out.

        Raises:
            ProtocolError: `bad_request`.
        """
        if count > self.max_commands:
            raise ProtocolError("bad_request", f"Expected at most {self.max_commands} {where}, came {count}.")


class Job(NamedTuple, Generic[Reply]):
    """One command: `run` carries it out; `channels` are those it publishes into.

    One that is not `parallel` begins when all before it have ended.
    """

    run: Callable[[], Awaitable[Reply]]
    channels: Collection[str] = ()
    parallel: bool = False


async def carry_out(jobs: Sequence[Job[Reply]], rules: ManyRules) -> list[Reply]:
    """Return the reply of each job in its place; publications into one channel are made in the order of their jobs.

    What does not have to wait is done without a task. After a crash nothing more begins; it is raised when everything
    has ended.
    """
    replies: dict[int, Reply] = {}
    side_by_side = _SideBySide(rules.max_parallel)

    async def fill(index: int, job: Job[Reply], before: list[asyncio.Task[None]]) -> None:
        if before:
            await asyncio.wait(before)
        replies[index] = await job.run()

    for index, job in enumerate(jobs):
        if index and index % rules.turn == 0:
            await asyncio.sleep(0)
        if job.parallel:
            before = await side_by_side.admit(job.channels)
            side_by_side.begin(fill(index, job, before), job.channels)
        else:
            await side_by_side.end()
            replies[index] = await job.run()
        if side_by_side.crashes:
            break
    await side_by_side.end()
    return [replies[index] for index in range(len(jobs))]


class _SideBySide:
    """Coroutines that run at the same time, at most so many."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._loop = asyncio.get_running_loop()
        self._running: set[asyncio.Task[None]] = set()
        self._last: dict[str, asyncio.Task[None]] = {}  # by channel, of those that still run or have just ended
        self._freed = asyncio.Event()
        self.crashes: list[Exception] = []

    async def admit(self, channels: Collection[str]) -> list[asyncio.Task[None]]:
        """Return when there is room for one more, and what it has to wait for.

        That began earlier, so that in the end one of those that wait for each other waits for nobody.
        """
        while len(self._running) >= self._at_most:
            self._freed.clear()
            await self._freed.wait()
        last = self._last
        if not last:
            return []
        return [last[channel] for channel in channels if channel in last and not last[channel].done()]

    def begin(self, coroutine: Coroutine[Any, Any, None], channels: Collection[str]) -> None:
        """Run one until it ends or waits."""
        task = run_eagerly(coroutine, self._loop, self.crashes.append)
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._on_end)
            self._last.update(dict.fromkeys(channels, task))

    async def end(self) -> None:
        """Return when all have ended, and raise the first crash."""
        if self._running:
            await asyncio.wait(self._running)
        if self.crashes:
            raise self.crashes[0]

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._freed.set()


def channels_of(request: object) -> Collection[str]:
    """Return the channels that a request publishes into."""
    if isinstance(request, api.PublishRequest):
        return (request.channel,)
    return request.channels if isinstance(request, api.BroadcastRequest) else ()
