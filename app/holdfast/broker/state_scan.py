"""Walks over all keys of ours in Redis, no faster than told: whoever serves comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from holdfast.broker.redis_keys import KeyName
from holdfast.broker.redis_link import RedisLink

LANE: Final = "state"
"""A way of its own: no publication waits behind what is read here."""
PAGE: Final = 200


class Pace:
    """Lets so many things a second through, on the average.

    Args:
        rate: things a second.
        clock: seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self, rate: float, clock: Callable[[], float], sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    ) -> None:
        self._each = 1 / rate
        self._clock = clock
        self._sleep = sleep
        self._next = clock()

    async def spend(self, count: int) -> None:
        """Return when `count` more may be done; what was not done before gives no credit."""
        now = self._clock()
        self._next = max(self._next, now) + count * self._each
        await self._sleep(max(0.0, self._next - now))


async def scan(link: RedisLink, pace: Pace) -> AsyncIterator[list[KeyName]]:
    """Yield what there is, page by page, master by master.

    What is there all the while is given once at least; what comes and goes meanwhile may be.

    Raises:
        BrokerError: a server does not answer; nothing is begun again.
    """
    pattern = link.keys.prefix + b":*"
    for address in await link.masters():
        cursor = b"0"
        while True:
            cursor, keys = await link.call_at(address, "SCAN", cursor, "MATCH", pattern, "COUNT", PAGE, lane=LANE)
            names = map(link.keys.parse, keys)
            yield [one for one in names if one is not None]
            await pace.spend(max(len(keys), PAGE // 10))
            if cursor == b"0":
                break
