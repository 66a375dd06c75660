"""Exports of the shared state at intervals: by one instance at a time, into a file each, of which the latest stay."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from holdfast.broker.redis_link import RedisLink, Script
from holdfast.broker.state_export import Exported, Exporter
from holdfast.errors import BrokerError
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

# Whoever writes goes on doing so, and another one only when that is gone for so many intervals.
_LEASE_INTERVALS: Final = 2.5
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_STAMP_PATTERN: Final = "[0-9]" * 8 + "T" + "[0-9]" * 6 + "Z"
# Intervals without a new file after which a failure is an error.
_OLD_INTERVALS: Final = 3
_JITTER: Final = 0.1

# KEYS lease; ARGV instance, milliseconds.
LEASE: Final = Script(
    """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
)

RELEASE: Final = Script("return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0")


class ScheduledExports:
    """Writes `PATH-TIME`, and takes away the oldest beyond `snapshot_keep`.

    Args:
        link: the way to Redis.
        path: begins the files' names.
        instance: this one's name.
        wall_clock: seconds since 1970.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        link: RedisLink,
        path: Path,
        instance: str,
        *,
        wall_clock: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._link = link
        self._path = path
        self._instance = instance
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._settings = link.settings
        self._exporter = Exporter(link, self._settings.snapshot_rate, wall_clock=wall_clock)
        self._started_at = wall_clock()

    async def run(self) -> None:
        """Write at intervals until cancelled, and let others do so then."""
        metrics.STATE_SNAPSHOT_MOMENT.set(await asyncio.to_thread(self._latest))
        try:
            while True:
                jitter = 1 - _JITTER * random.random()
                await self._sleep(self._settings.snapshot_interval * jitter)
                await self.write_if_ours()
        finally:
            await self._release()

    async def write_if_ours(self) -> bool:
        """Write a file unless another instance does; return whether there is one. A failure is logged and counted."""
        try:
            if not await self._is_ours():
                await self._look_for_others()
                return False
            await self._write()
        except (BrokerError, OSError) as error:
            self._fail(str(error))
        except Exception as error:  # the boundary of one snapshot: serving goes on, and so do the later ones
            metrics.STATE_SNAPSHOT_FAILURES.inc()
            _log.error("state_snapshot_failed", path=str(self._path), exc_info=error)
        else:
            return True
        return False

    # Private methods

    async def _is_ours(self) -> bool:
        milliseconds = round(self._settings.snapshot_interval * _LEASE_INTERVALS * 1000)
        return bool(await self._link.run_script(LEASE, [self._link.keys.snapshots], [self._instance, milliseconds]))

    async def _release(self) -> None:
        try:
            await self._link.run_script(RELEASE, [self._link.keys.snapshots], [self._instance])
        except BrokerError as error:  # it ends by itself
            _log.debug("state_lease_kept", detail=str(error))

    async def _write(self) -> None:
        now = self._wall_clock()
        path = self._path.with_name(f"{self._path.name}-{datetime.fromtimestamp(now, UTC).strftime(_STAMP)}")
        done = await self._hold_lease(self._exporter.write(path))
        metrics.STATE_SNAPSHOT_MOMENT.set(now)
        metrics.STATE_SNAPSHOT_BYTES.set(done.size)
        metrics.STATE_SNAPSHOT_SECONDS.set(done.seconds)
        await asyncio.to_thread(self._take_away_oldest)
        seconds = round(done.seconds, 3)
        _log.info("state_snapshot_written", path=str(path), bytes=done.size, seconds=seconds, **done.counts)

    async def _hold_lease(self, writing: Coroutine[Any, Any, Exported]) -> Exported:
        """Wait for a file, however long it takes, and let no other instance begin one meanwhile."""
        task = asyncio.ensure_future(writing)
        try:
            while not (await asyncio.wait({task}, timeout=self._settings.snapshot_interval))[0]:
                await self._is_ours()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _look_for_others(self) -> None:
        """Know of files that another instance writes here; where it writes elsewhere, its own numbers tell."""
        if latest := await asyncio.to_thread(self._latest):
            metrics.STATE_SNAPSHOT_MOMENT.set(latest)

    def _fail(self, reason: str) -> None:
        metrics.STATE_SNAPSHOT_FAILURES.inc()
        last = max(self._latest(), self._started_at)
        age = self._wall_clock() - last
        tell = _log.error if age > _OLD_INTERVALS * self._settings.snapshot_interval else _log.warning
        tell("state_snapshot_failed", path=str(self._path), reason=reason, age=round(age))

    def _files(self, end: str = "") -> list[Path]:
        """Return the files here, oldest first; a half one, or one that somebody renamed, is none of them."""
        return sorted(self._path.parent.glob(f"{_literal(self._path.name)}-{_STAMP_PATTERN}{end}"))

    def _latest(self) -> float:
        files = self._files()
        if not files:
            return 0.0
        stamp = files[-1].name[len(self._path.name) + 1 :]
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()

    def _take_away_oldest(self) -> None:
        """Delete what is too much, and what an instance left half written that was killed."""
        for path in [*self._files()[: -self._settings.snapshot_keep], *self._files(".tmp")]:
            path.unlink(missing_ok=True)


def _literal(name: str) -> str:
    """Return a glob that only this name matches."""
    return "".join(f"[{one}]" if one in "*?[" else one for one in name)
