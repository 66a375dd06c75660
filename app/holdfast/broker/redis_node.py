"""A server of Redis as one lane of commands goes there: at most one connection, opened when it is needed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from holdfast.broker.redis_wire import Wire
from holdfast.errors import BrokerError
from holdfast.resilience.backoff import full_jitter

BASE_SECONDS, MOST_SECONDS = 0.1, 1.0
Opened = TypeVar("Opened", bound=Wire)


class Node(Generic[Opened]):
    """Opens the connection for all who ask at the same time, and no sooner after a failure than the backoff says.

    Args:
        connect: opens a connection, or raises `BrokerError`.
        pick: numbers from 0 up to 1, for jitter.
    """

    def __init__(self, connect: Callable[[], Awaitable[Opened]], pick: Callable[[], float] = random.random) -> None:
        self._connect = connect
        self._pick = pick
        self._loop = asyncio.get_running_loop()
        self._wire: Opened | None = None
        self._opening: asyncio.Task[Opened] | None = None
        self._failures = 0
        self._next_at = 0.0
        self._failure: BrokerError | None = None

    @property
    def open(self) -> Opened | None:
        """The connection, where there is one now."""
        return self._wire if self._wire is not None and self._wire.failure is None else None

    async def wire(self) -> Opened:
        """Return the open connection.

        Raises:
            BrokerError: it cannot be opened, or could not be a moment ago.
        """
        wire = self.open
        if wire is not None:
            return wire
        if self._opening is None:
            if self._failure is not None and self._loop.time() < self._next_at:
                raise BrokerError(self._failure.slug, self._failure.detail, is_undone=True)
            self._opening = self._loop.create_task(self._open())
        return await asyncio.shield(self._opening)

    def drop(self, error: BrokerError) -> None:
        """Give the connection up; the next command opens another."""
        if self._wire is not None:
            self._wire.drop(error)

    async def close(self) -> None:
        """Close the connection."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._wire is not None:
            await self._wire.close()

    async def _open(self) -> Opened:
        try:
            self._wire = await self._connect()
        except BrokerError as error:
            self._failure = error
            self._next_at = self._loop.time() + full_jitter(self._failures, BASE_SECONDS, MOST_SECONDS, self._pick)
            self._failures += 1
            raise
        else:
            self._failure, self._failures = None, 0
            return self._wire
        finally:
            self._opening = None
