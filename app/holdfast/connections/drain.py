"""The paced goodbye: every client leaves at its own moment within a window."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

from holdfast.connections.manager import EnhancedWebSocketManager
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

STEP = 0.02


def quota(total: int, elapsed: float, window: float) -> int:
    """Return how many of `total` clients should have been told to leave after `elapsed` of `window` seconds."""
    if elapsed >= window:
        return total
    return int(total * elapsed / window)


async def drain(
    manager: EnhancedWebSocketManager,
    window: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]],
    random: Random | None = None,
) -> int:
    """Close all connections with 3001 in random order, at an even pace over `window` seconds; return how many.

    Connections that come while it runs are closed at its end.
    """
    order = manager.everybody()
    (random or Random()).shuffle(order)
    started = clock()
    told = 0
    while told < len(order):
        due = quota(len(order), clock() - started, window)
        for connection in order[told:due]:
            connection.close("shutdown")
        told = due
        if told < len(order):
            await sleep(min(STEP, window))
    late = manager.everybody()
    for connection in late:
        connection.close("shutdown")
    _log.info("drained", connections=len(order) + len(late), seconds=round(clock() - started, 3))
    return len(order) + len(late)
