"""How late the event loop is: the one number that tells an overloaded instance from a slow network."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

INTERVAL_SECONDS = 1.0


async def measure_forever(
    observe: Callable[[float], object],
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Tell `observe`, about once a second, by how many seconds a callback that was due came late."""
    while True:
        due = clock() + INTERVAL_SECONDS
        await sleep(INTERVAL_SECONDS)
        observe(max(0.0, clock() - due))
