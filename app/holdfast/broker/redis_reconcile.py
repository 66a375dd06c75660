"""Looks at streams that may have gone back: after a failover at all that were seen here, a few at a time.

What does not follow from what was seen before is looked at, too: on the way to a new master an instance may hear from
both, and each may have what the other lacks.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable

from holdfast.broker.redis_seen import Seen
from holdfast.errors import BrokerError
from holdfast.resilience.backoff import full_jitter
from holdfast.telemetry.logs import get_logger

AT_ONCE = 100
MOST_DOUBTS = 8
BASE_SECONDS, MOST_SECONDS = 0.1, 1.0

_log = get_logger(__name__)


class Reconciler:
    """Names waiting for a look, each once.

    Args:
        reconcile: looks at a stream with what was seen of it, and with other positions; tells whether its epoch is
            another than before.
        on_changed: told of the channels whose epoch is.
        pick: numbers from 0 up to 1, for jitter.
    """

    def __init__(
        self,
        reconcile: Callable[[str, Collection[Seen]], Awaitable[bool]],
        on_changed: Callable[[Collection[str]], object],
        pick: Callable[[], float] = random.random,
    ) -> None:
        self._reconcile = reconcile
        self._on_changed = on_changed
        self._pick = pick
        self._waiting: dict[str, dict[tuple[str, bytes], Seen]] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, names: Iterable[str]) -> None:
        """Look at these soon."""
        for name in names:
            self._waiting.setdefault(name, {})
        self._begin()

    def doubt(self, name: str, seen: Seen) -> None:
        """Look at one soon, with a position that may be of another life of the stream."""
        doubts = self._waiting.setdefault(name, {})
        key = seen.epoch, seen.run
        if key not in doubts and len(doubts) >= MOST_DOUBTS:
            del doubts[next(iter(doubts))]
        if key not in doubts or doubts[key].offset < seen.offset:
            doubts[key] = seen
        self._begin()

    async def stop(self) -> None:
        """Look at nothing more."""
        self._waiting.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # Private methods

    def _begin(self) -> None:
        if self._waiting and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        failures = 0
        try:
            while self._waiting:
                names = [name for name, _ in zip(self._waiting, range(AT_ONCE), strict=False)]
                if await self._look_at(names):
                    failures = 0
                else:
                    await asyncio.sleep(full_jitter(failures, BASE_SECONDS, MOST_SECONDS, self._pick))
                    failures += 1
        finally:
            self._task = None

    async def _look_at(self, names: list[str]) -> bool:
        """Look at some; those that Redis does not answer for wait on."""
        doubts = {name: tuple(self._waiting[name].values()) for name in names}
        looks = (self._reconcile(name, doubts[name]) for name in names)
        results = await asyncio.gather(*looks, return_exceptions=True)
        changed = []
        for name, result in zip(names, results, strict=True):
            if isinstance(result, BrokerError) and result.slug != "broker_foreign_key":
                continue
            if tuple(self._waiting.get(name, {}).values()) == doubts[name]:  # else there is more to look at
                self._waiting.pop(name, None)
            if isinstance(result, BaseException):
                _log.error("broker.reconcile_failed", channel=name, reason=str(result))
            elif result:
                changed.append(name)
        if changed:
            _log.warning("broker.went_back", channels=len(changed))
            self._on_changed(changed)
        return not any(name in self._waiting for name in names)
