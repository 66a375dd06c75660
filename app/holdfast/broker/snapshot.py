"""Keeps history, idempotency results and login sessions over a restart: when to write, what to believe when it is read.

The event loop only gathers references, a bounded number at a time; a thread of its own encodes and writes them.
A snapshot keeps its epochs only if it was written at the end of a clean shutdown and nothing has used it since. Any
other is older than what clients have seen, so its streams come back under new epochs and nobody mistakes them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

import holdfast
from holdfast.broker import records, snapshot_file
from holdfast.broker.history import HistoryStore
from holdfast.broker.results import Result, ResultCache
from holdfast.broker.sessions import MemorySessions, StoredSession
from holdfast.broker.snapshot_file import DamagedError, SnapshotWriter
from holdfast.broker.stream import Stream, new_epoch
from holdfast.protocol.messages import StreamPosition
from holdfast.protocol.payloads import json_line
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

SLICE = 512
"""Streams, publications and results the loop gathers in one go: some 50 us."""

_log = get_logger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Kept:
    """The stores that a snapshot keeps."""

    history: HistoryStore
    results: ResultCache
    sessions: MemorySessions


class Snapshots:
    """One file and the stores it keeps.

    Args:
        clock: the stores' clock, in seconds.
        wall_clock: seconds since 1970; deadlines go on by it while no process runs.
        is_binary: whether a channel's publications may be no JSON.
    """

    def __init__(
        self,
        path: Path,
        kept: Kept,
        *,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        is_binary: Callable[[str], bool] = lambda channel: True,
    ) -> None:
        self._path = path
        self._kept = kept
        self._clock = clock
        self._wall_clock = wall_clock
        self._is_binary = is_binary
        self._lock: BinaryIO | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="holdfast-snapshot")

    def restore(self) -> None:
        """Fill the stores from the file, if there is one, and make sure it never again looks clean.

        A file that cannot be used is set aside; the log says why and where it is.

        Raises:
            ConfigError: the path is no regular file, or another process uses it.
        """
        try:
            self._lock = snapshot_file.lock(self._path)
        except OSError as error:
            _log.error("snapshot_lock_failed", path=str(self._path), error=_reason(error))
        found = self._read()
        if found is None:
            return
        streams, results, sessions = found
        clean = self._take_clean()
        if not clean:
            _renew_epochs(streams, results)
        for result in results:
            self._kept.results.restore(result)
        for session in sessions:
            self._kept.sessions.restore(session)
        for stream in streams:
            if not self._is_binary(stream.channel) and not _is_json(stream):
                # Of a time when its namespace took any bytes; JSON clients may read it now, and could not.
                _log.warning("history_not_json", channel=stream.channel, publications=len(stream.log))
                stream.log = []
            self._kept.history.put(stream)
        counts = {"streams": len(streams), "results": len(results), "sessions": len(sessions)}
        _log.info("snapshot_restored", path=str(self._path), **counts, clean=clean)

    async def write(self, *, clean: bool) -> bool:
        """Write everything to the file and return whether it is there; a failure is logged and counted.

        With `clean` the next start keeps the epochs, so nothing may be published any more.
        """
        started = self._clock()
        try:
            size = await self._write(clean)
        except OSError as error:
            metrics.SNAPSHOT_FAILURES.inc()
            _log.error("snapshot_failed", path=str(self._path), error=_reason(error))
            return False
        except Exception as error:  # the boundary of one snapshot: serving goes on, and so do the later ones
            metrics.SNAPSHOT_FAILURES.inc()
            _log.error("snapshot_failed", path=str(self._path), exc_info=error)
            return False
        seconds = self._clock() - started
        metrics.SNAPSHOT_SECONDS.observe(seconds)
        metrics.SNAPSHOT_BYTES.set(size)
        _log.debug("snapshot_written", path=str(self._path), bytes=size, seconds=round(seconds, 3), clean=clean)
        return True

    async def write_at_interval(self, seconds: float) -> None:
        """Write a snapshot every so many seconds until cancelled."""
        while True:
            await asyncio.sleep(seconds)
            await self.write(clean=False)

    def close(self) -> None:
        """Let go of thread and lock."""
        self._thread.shutdown(wait=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # Private methods

    def _read(self) -> tuple[list[Stream], list[Result], list[StoredSession]] | None:
        reader = records.Reader(self._clock(), self._wall_clock())
        try:
            for record in snapshot_file.read_records(self._path):
                reader.take(records.decode(record))
            return reader.streams(), reader.results(), reader.sessions()
        except FileNotFoundError:
            return None
        except (OSError, DamagedError, msgspec.MsgspecError, ValueError) as error:
            self._set_aside(_reason(error))
            return None

    def _set_aside(self, reason: str) -> None:
        stamp = datetime.fromtimestamp(self._wall_clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
        metrics.SNAPSHOT_FAILURES.inc()
        try:
            aside = snapshot_file.set_aside(self._path, stamp)
        except OSError as error:
            _log.error("snapshot_damaged", path=str(self._path), reason=reason, set_aside="", error=_reason(error))
            return
        _log.error(
            "snapshot_damaged",
            path=str(self._path),
            reason=reason,
            set_aside=str(aside),
            remedy="The gateway starts without history; look at the disk, then delete the file.",
        )

    def _take_clean(self) -> bool:
        try:
            return snapshot_file.take_clean(self._path)
        except OSError as error:
            _log.error("snapshot_not_writable", path=str(self._path), error=_reason(error))
            return False

    async def _write(self, clean: bool) -> int:
        shift = self._wall_clock() - self._clock()
        writer = SnapshotWriter(self._path, clean=clean)
        try:
            await self._in_thread(writer.open)
            opening = records.Begin(self._wall_clock(), holdfast.__version__)
            await self._in_thread(partial(_append, writer, [opening]))
            # Results before streams, so that no kept result speaks of a publication that was not kept.
            for some in self._kept.results.capture(SLICE):
                await self._in_thread(partial(_append, writer, records.result_records(some, shift)))
            for sessions in self._kept.sessions.capture(SLICE):
                await self._in_thread(partial(_append, writer, records.session_records(sessions, shift)))
            for parts in self._kept.history.capture(SLICE):
                await self._in_thread(partial(_append, writer, records.stream_records(parts, shift)))
            await self._in_thread(writer.commit)
        except Exception:
            await self._in_thread(writer.abort)
            raise
        except asyncio.CancelledError:  # there is no time to wait, but no half file stays
            self._thread.submit(writer.abort)
            raise
        return writer.size

    async def _in_thread(self, call: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _append(writer: SnapshotWriter, some: Iterable[records.Record]) -> None:
    for record in some:
        writer.add(records.encode(record))


def _renew_epochs(streams: list[Stream], results: list[Result]) -> None:
    """Give every stream a new epoch, and results of the old one the new one's name."""
    renewed: dict[tuple[str, str], str] = {}
    for stream in streams:
        epoch = new_epoch()
        renewed[stream.channel, stream.epoch] = epoch
        stream.epoch = epoch
    for result in results:
        offset, epoch = result.position
        result.position = StreamPosition(offset, renewed.get((result.channel, epoch), epoch))


def _is_json(stream: Stream) -> bool:
    try:
        for publication in stream.log:
            json_line(bytes(publication.data))
    except ValueError:
        return False
    return True


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
