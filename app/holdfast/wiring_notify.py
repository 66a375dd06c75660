"""What a service manager is told of an instance, and when; its watchdog is fed by the event loop alone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from holdfast.connections.drain import DrainStatus
from holdfast.server.notify import Notifier

LOOK_SECONDS: Final = 2.0
"""How often the status is looked at; a watchdog may ask for more."""
MARGIN_SECONDS: Final = 10.0
"""Beyond what a stop should still take."""
_MICROSECONDS: Final = 1_000_000


class Supervision:
    """The life of an instance, as its service manager sees it.

    Args:
        notifier: sends.
        status: where the drain stands, with the number of connections.
        after_drain: seconds that a stop may take once everybody has left.
    """

    def __init__(
        self,
        notifier: Notifier,
        status: Callable[[], DrainStatus],
        after_drain: float,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._notifier = notifier
        self._status = status
        self._after_drain = after_drain
        self._sleep = sleep
        self._monotonic_ns = monotonic_ns
        self._is_stopping = False
        self._told = ""
        self._task: asyncio.Task[None] | None = None

    # Public methods

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell that it serves, and go on from there."""
        if self._notifier.is_wanted:
            self._task = loop.create_task(self.run())

    def end(self) -> None:
        """Say no more."""
        if self._task is not None:
            self._task.cancel()

    async def run(self) -> None:
        """Tell that it serves, then feed the watchdog and keep the status up to date until cancelled."""
        self._told = self._line()
        self._notifier.send(READY=1, STATUS=self._told)
        watchdog = self._notifier.wanted.watchdog_seconds
        # sd_watchdog_enabled(3) advises half of the time. A loop that hangs does not come here.
        pause = min(LOOK_SECONDS, watchdog / 2) if watchdog else LOOK_SECONDS
        while True:
            self._look(has_watchdog=watchdog > 0)
            await self._sleep(pause)

    def around_drain(self, drain: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        """Return a drain that is told before it begins."""

        async def told() -> None:
            self._is_stopping = True
            self._notifier.send(STOPPING=1, **self._extension())
            await drain()

        return told

    def around_reload(self, reload: Callable[[], object]) -> Callable[[], None]:
        """Return a reload that is told before it begins and when it is over, as Type=notify-reload waits for it."""

        def told() -> None:
            self._notifier.send(RELOADING=1, MONOTONIC_USEC=self._monotonic_ns() // 1000)
            try:
                reload()
            finally:
                self._notifier.send(READY=1)

        return told

    # Private methods

    def _look(self, *, has_watchdog: bool) -> None:
        fields: dict[str, Any] = {"WATCHDOG": 1} if has_watchdog else {}
        line = self._line()
        if line != self._told:
            self._told = fields["STATUS"] = line
        # Once all have left, what is left to do has the time that was last asked for, and no more: it may hang.
        if self._is_stopping and self._status().seconds_left > 0:
            fields |= self._extension()
        if fields:
            self._notifier.send(**fields)

    def _extension(self) -> dict[str, int]:
        """Return the time that a stop still needs, which counts only where TimeoutStopSec would end sooner."""
        seconds = self._status().seconds_left + self._after_drain + MARGIN_SECONDS
        return {"EXTEND_TIMEOUT_USEC": round(seconds * _MICROSECONDS)}

    def _line(self) -> str:
        now = self._status()
        if self._is_stopping or now.state != "serving":
            left = max(0, now.total - now.connections)
            name = "stopping" if self._is_stopping else now.state
            return f"{name}: {left} of {max(now.total, now.connections)} connections have left"
        return f"serving {now.connections} connections"
