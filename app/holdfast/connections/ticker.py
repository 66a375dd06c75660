"""Drives everything that connections need at intervals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from holdfast.connections.core import Core
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

Sleep = Callable[[float], Awaitable[object]]

# A process that wakes from sleep has cold caches: on an idle instance these turns are a fifth of all its work, and no
# deadline here is finer than seconds.
TURN_EVERY = 0.5
# A channel's suspected loss has this long to prove itself a publication under way.
CHECK_EVERY = 1.0


async def tick_forever(core: Core, sleep: Sleep = asyncio.sleep) -> None:
    """Turn the wheels of pings and deadlines until cancelled; nothing here ever waits for a broker."""
    started = core.clock()
    while True:
        await sleep(TURN_EVERY)
        try:
            now = core.clock()
            core.heartbeat.advance(now - started, now)
            core.expiry.advance()
            core.aging.advance(now)
            core.farewells.advance()
        except Exception:  # the boundary of one turn: without the wheels no dead connection would ever end
            _log.exception("tick_failed")


async def check_forever(core: Core, sleep: Sleep = asyncio.sleep) -> None:
    """Refresh presence and check positions until cancelled; a broker that is slow delays only this."""
    started = core.clock()
    while True:
        await sleep(CHECK_EVERY)
        try:
            await core.presence.advance(core.clock() - started)
            await core.positions.check()
        except Exception:  # the boundary of one turn: the next one may succeed
            _log.exception("check_failed")
