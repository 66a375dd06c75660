"""One connection to Redis for commands: many under way at once, answered in the order of their calls.

redis-py opens it, speaks TLS and knows the protocol. What is called in one turn of the loop leaves in one write, so a
burst is a pipeline by itself, and what is written first is done first. Nothing is ever sent a second time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from hiredis import pack_command
from redis.asyncio.connection import Connection
from redis.exceptions import ResponseError

from holdfast.broker.redis_errors import broker_error
from holdfast.errors import BrokerError

Argument = bytes | str | int
# With so many without an answer, or so much in them, new ones are refused.
MOST_WAITING = 65536
MOST_WAITING_BYTES = 64 << 20
# A loop that was busy itself finds its timers and its answers at the same time.
GRACE_SECONDS = 0.1


class Server(NamedTuple):
    """What a server said about itself when the connection was opened."""

    version: str
    run: bytes
    is_master: bool


class Waiting(NamedTuple):
    """A command's answer, when to wait no longer (by the loop's clock), and how long the command is.

    Of several answers to one command the last has its length.
    """

    answer: asyncio.Future[Any]
    give_up_at: float
    size: int


class Caller(Protocol):
    """What takes commands for a server."""

    server: Server

    def call(self, *command: Argument) -> asyncio.Future[Any]:
        """Send a command and return the future of its answer."""


class Wire:
    """An open connection.

    `call` gives a future whose exception is the error reply as redis-py read it, or a `BrokerError` of the way there:
    `is_undone` where the command had not left yet.
    """

    def __init__(self, connection: Connection, server: Server, timeout: float) -> None:
        self.server = server
        self.failure: BrokerError | None = None
        self._connection = connection
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Waiting] = deque()
        self._waiting_bytes = 0
        self._unsent: list[bytes] = []
        self._wake = asyncio.Event()
        self._watch: asyncio.TimerHandle | None = None
        self._tasks = [self._loop.create_task(self._write()), self._loop.create_task(self._read())]

    @property
    def is_full(self) -> bool:
        """Whether so many commands wait, or such long ones, that another one is refused."""
        return len(self._waiting) >= MOST_WAITING or self._waiting_bytes >= MOST_WAITING_BYTES

    def call(self, *command: Argument) -> asyncio.Future[Any]:
        """Send a command and return the future of its answer; bytes stay bytes in it."""
        return self._send(command, 1)[0]

    def call_for_many(self, word: str, names: Sequence[bytes]) -> list[asyncio.Future[Any]]:
        """Send a command that is answered once for each of its names."""
        return self._send((word, *names), len(names)) if names else []

    def drop(self, error: BrokerError) -> None:
        """Give the connection up; whatever waits for an answer gets the error."""
        if self.failure is not None:
            return
        self.failure = error
        if self._watch is not None:
            self._watch.cancel()
        sent = len(self._waiting) - len(self._unsent)
        self._unsent.clear()
        for number, one in enumerate(self._waiting):
            if not one.answer.done():
                is_undone = error.is_undone or number >= sent
                one.answer.set_exception(BrokerError(error.slug, error.detail, is_undone=is_undone))
                one.answer.exception()  # whoever waited may be gone
        self._waiting.clear()
        self._waiting_bytes = 0
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        """Close the connection and return when its socket is gone."""
        self.drop(BrokerError("broker_unavailable", "the broker has stopped"))
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.disconnect(nowait=True)  # a task that had not begun yet has not done it

    # Private methods

    def _send(self, command: tuple[Argument, ...], answers: int) -> list[asyncio.Future[Any]]:
        if self.failure is not None:
            raise BrokerError(self.failure.slug, self.failure.detail, is_undone=True)
        if self.is_full:
            many = f"{len(self._waiting)} commands of {self._waiting_bytes} bytes"
            raise BrokerError("broker_timeout", f"{many} wait for an answer already", is_undone=True)
        packed = pack_command(command)  # type: ignore[arg-type]  # the stub has a tuple of one in mind
        give_up_at = self._loop.time() + self._timeout
        futures: list[asyncio.Future[Any]] = [self._loop.create_future() for _ in range(answers)]
        self._waiting.extend(Waiting(one, give_up_at, 0) for one in futures[:-1])
        self._waiting.append(Waiting(futures[-1], give_up_at, len(packed)))
        self._waiting_bytes += len(packed)
        self._unsent.append(packed)
        self._wake.set()
        if self._watch is None:
            self._watch = self._loop.call_at(give_up_at, self._look)
        return futures

    def _look(self, suspect: Waiting | None = None) -> None:
        """Give up where the oldest command has waited too long, and still waits after a moment to read its answer."""
        self._watch = None
        if not self._waiting:
            return
        oldest = self._waiting[0]
        if oldest.give_up_at > self._loop.time():
            self._watch = self._loop.call_at(oldest.give_up_at, self._look)
        elif oldest is not suspect:
            self._watch = self._loop.call_later(GRACE_SECONDS, self._look, oldest)
        else:
            self.drop(BrokerError("broker_timeout", f"no answer within {self._timeout:g} s"))

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                chunks, self._unsent = self._unsent, []
                await self._connection.send_packed_command([b"".join(chunks)], check_health=False)
        except Exception as error:  # the boundary of the task: whatever it is, the connection is of no use any more
            self.drop(broker_error(error))

    async def _read(self) -> None:
        try:
            await self._take_all()
        except Exception as error:  # as above; LOADING and NOAUTH come here too
            self.drop(broker_error(error))
        finally:
            await self._connection.disconnect(nowait=True)

    async def _take_all(self) -> None:
        read = self._connection.read_response
        while True:
            try:
                self._settle(await read(disconnect_on_error=False))
            except ResponseError as error:
                self._settle(error)

    def _settle(self, reply: Any) -> None:
        """Give the oldest command its answer."""
        answer, _, size = self._waiting.popleft()
        self._waiting_bytes -= size
        if answer.done():
            return
        if isinstance(reply, ResponseError):
            answer.set_exception(reply)
            answer.exception()  # whoever waited may be gone
        else:
            answer.set_result(reply)
