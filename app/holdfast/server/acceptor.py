"""Accepts connections from one bound socket; a crowd is left in the kernel's queue and taken in small batches."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from holdfast.monitoring.accept_queue import accept_queue
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

SLICE_SECONDS: Final = 0.005
"""How often a batch is accepted: often, so that it is small and the loop comes to its other work in between, and not
so often that opening and shutting the door costs anything (20 us)."""

# Of those who gave up in the queue this many batches are taken in a slice besides: they cost next to nothing, and who
# still waits behind them is served the sooner.
_STALE_BATCHES: Final = 4

# asyncio's own loop accepts as many in one go as the backlog it was given; uvloop accepts one.
_AT_ONCE: Final = 32

_log = get_logger(__name__)

Factory = Callable[[], asyncio.BaseProtocol]
Start = Callable[[Factory, socket.socket, int], Awaitable[asyncio.AbstractServer]]
"""Starts to accept from a socket with a backlog."""


class Acceptor:
    """One listening socket, which accepts whoever comes, until it is told to keep to a pace.

    The event loop accepts from a duplicate of the socket: while the loop's server is closed, the kernel goes on
    queueing connections. Those that were accepted know nothing of it.

    Args:
        bound: the socket, bound; it is closed with the acceptor.
        backlog: how many connections the kernel may queue.
        factory: makes the protocol of a connection.
        start: makes the loop's server.
        loop: whose clock and timers are used.
    """

    def __init__(
        self, bound: socket.socket, backlog: int, factory: Factory, start: Start, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.bound = bound
        self.is_open = False
        self._backlog = backlog
        self._factory = factory
        self._start = start
        self._loop = loop
        self._server: asyncio.AbstractServer | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._opening: asyncio.Task[None] | None = None
        self._batch = 0  # 0 is whoever comes
        self._left = 0  # of this slice's batch
        self._stale_left = 0
        self._paced_since = 0.0
        self._paused_until = 0.0

    # Public methods

    async def open(self) -> None:
        """Begin to accept.

        Raises:
            OSError: it cannot be listened on.
        """
        self.is_open = True
        await self._accept()

    def pause(self, seconds: float, pace: float) -> None:
        """Accept nobody for so long from now on, and then `pace` a second until nobody waits any more.

        Pauses that overlap are one.
        """
        if not self.is_open:
            return
        now = self._loop.time()
        self._paused_until = max(self._paused_until, now + seconds)
        if not self._batch:
            self._paced_since = now
            _log.warning("accept_paused", pace=pace)
        self._batch = max(1, int(pace * SLICE_SECONDS))
        self._shut()

    def forgive(self) -> None:
        """Know that one of those accepted had given up before: it does not count for the batch."""
        if self._stale_left > 0:
            self._stale_left -= 1
            self._left += 1

    def close(self) -> None:
        """Listen no more; who waits in the queue is reset."""
        self.is_open = False
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
            self._server = None
        self.bound.close()

    # Private methods

    async def _accept(self) -> None:
        at_once = min(_AT_ONCE, self._backlog) if isinstance(self._loop, asyncio.BaseEventLoop) else self._backlog
        duplicate = self.bound.dup()
        try:
            server = await self._start(self._make, duplicate, at_once)
        except BaseException:
            duplicate.close()
            raise
        if not self.is_open:
            server.close()
            return
        if at_once < self._backlog:
            self.bound.listen(self._backlog)
        self._server = server
        if self._loop.time() < self._paused_until:  # somebody asked for a pause meanwhile
            self._shut()

    def _make(self) -> asyncio.BaseProtocol:
        """Make the protocol of a connection that is being accepted, and count it."""
        self._left -= 1
        if self._batch and self._left <= 0:
            self._loop.call_soon(self._shut_when_full)  # not now: the loop is in the middle of it
        return self._factory()

    def _shut_when_full(self) -> None:
        if self._batch and self._left <= 0:
            self._shut()

    def _shut(self) -> None:
        """Leave those who come in the queue until the slice ends."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        metrics.ACCEPT_PAUSES.inc()
        if self._timer is None:
            self._timer = self._loop.call_at(self._paused_until, self._on_slice)

    def _on_slice(self) -> None:
        """Begin the next slice, unless nobody waits any more."""
        now = self._loop.time()
        if now < self._paused_until:
            self._timer = self._loop.call_at(self._paused_until, self._on_slice)
            return
        if self._server is not None and not self._has_waiting():
            self._batch, self._timer = 0, None
            _log.info("accept_resumed", seconds=round(now - self._paced_since, 3))
            return
        self._left = self._batch
        self._stale_left = _STALE_BATCHES * self._batch
        self._timer = self._loop.call_at(now + SLICE_SECONDS, self._on_slice)
        if self._server is None and (self._opening is None or self._opening.done()):
            self._opening = self._loop.create_task(self._reopen())

    def _has_waiting(self) -> bool:
        queue = accept_queue([self.bound])
        return queue is not None and queue.length > 0

    async def _reopen(self) -> None:
        if not self.is_open:
            return
        try:
            await self._accept()
        except OSError as error:  # no descriptor is left: nobody could be accepted either; the next slice tries again
            _log.error("accept_not_resumed", reason=str(error))
