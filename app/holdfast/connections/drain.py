"""The paced goodbye: every client leaves at its own moment within a window."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from random import Random

from holdfast.connections.connection import Connection
from holdfast.connections.manager import EnhancedWebSocketManager
from holdfast.settings import ShutdownSettings
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

STEP = 0.02
# The longest window of an instance without peers, whatever the settings say.
ALONE_WINDOW = 2.0
# How long commands under way may still take when the window is over.
REPLY_GRACE = 0.5


def quota(total: int, elapsed: float, window: float) -> int:
    """Return how many of `total` clients should have been told to leave after `elapsed` of `window` seconds."""
    if elapsed >= window:
        return total
    return int(total * elapsed / window)


def pacing(shutdown: ShutdownSettings, *, is_shared: bool) -> tuple[float, float]:
    """Return how long to wait for balancers and over which window to say goodbye, in seconds.

    Without peers clients have nowhere else to go: the sooner it is over, the sooner they are back.
    """
    if is_shared:
        return shutdown.propagation_wait, shutdown.drain_window
    return 0.0, min(shutdown.drain_window, ALONE_WINDOW)


async def drain(
    manager: EnhancedWebSocketManager,
    window: float,
    clock: Callable[[], float],
    sleep: Callable[[float], Awaitable[object]],
    random: Random | None = None,
) -> int:
    """Close all connections with 3001 in random order, at an even pace over `window` seconds; return how many.

    Who still waits for a reply gets it first, if it comes before the end or soon after. Connections that come while
    it runs are closed at its end.
    """
    order = manager.everybody()
    (random or Random()).shuffle(order)
    started = clock()
    told = 0
    busy: list[Connection] = []
    while told < len(order):
        due = quota(len(order), clock() - started, window)
        busy = _close_idle([*busy, *order[told:due]])
        told = due
        if told < len(order):
            await sleep(min(STEP, window))
    late = manager.everybody()
    busy = _close_idle(late)
    ends = clock() + REPLY_GRACE
    while busy and clock() < ends:
        await sleep(STEP)
        busy = _close_idle(busy)
    for connection in busy:
        connection.close("shutdown")
    count = len({*order, *late})
    _log.info("drained", connections=count, seconds=round(clock() - started, 3))
    return count


def _close_idle(connections: list[Connection]) -> list[Connection]:
    """Close those that wait for no reply; return the others."""
    busy = []
    for connection in connections:
        if connection.task is None:
            connection.close("shutdown")
        elif not connection.closed:
            busy.append(connection)
    return busy
