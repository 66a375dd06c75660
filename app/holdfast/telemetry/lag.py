"""How late the event loop is: the one number that tells an overloaded instance from a slow network."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

# Fine enough to tell one stall from many; an idle process that wakes more often pays for cold caches.
INTERVAL_SECONDS = 0.25
# What a window's value is: so much of what arrived waited no longer.
_QUANTILE = 0.75


async def measure_forever(
    observe: Callable[[float], object],
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Tell `observe`, a few times a second, by how many seconds a callback that was due came late."""
    while True:
        due = clock() + INTERVAL_SECONDS
        await sleep(INTERVAL_SECONDS)
        observe(max(0.0, clock() - due))


class LagWindow:
    """How long what arrives at the loop waits, over the last seconds; memory and time are bounded by their number.

    A stall lets one measurement come late and all others of its time not at all, so a plain quantile would miss it.
    Each late measurement therefore stands for those that it kept from being made: after a stall of a second for one
    second, three quarters, half, and a quarter.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._measured: deque[tuple[float, float]] = deque()  # when it came, how late

    def observe(self, lag: float) -> None:
        """Take a measurement."""
        now = self._clock()
        self._measured.append((now, lag))
        self._forget(now - self.seconds)

    def value(self) -> float | None:
        """Return the lag that a quarter of what arrived in the window exceeded; None before the first measurement."""
        begin = self._clock() - self.seconds
        self._forget(begin)
        waits: list[float] = []
        for came, lag in self._measured:
            waits.append(lag)
            lag = min(lag, came - begin)  # what was due before the window is no part of it
            while (lag := lag - INTERVAL_SECONDS) > 0:
                waits.append(lag)
        if not waits:
            return None
        waits.sort()
        return waits[int(len(waits) * _QUANTILE)]

    def _forget(self, begin: float) -> None:
        while self._measured and self._measured[0][0] < begin:
            self._measured.popleft()
