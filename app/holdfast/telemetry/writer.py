"""Write log lines without making anybody wait: a full pipe stops a thread, not the event loop."""

from __future__ import annotations

import atexit
import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from sys import getsizeof
from typing import Protocol

# About 15 MB of our own lines, which is what remains when all of many connections end at once; above it, lines are
# dropped and counted. Those that browsers hand in may be much longer.
_MOST_WAITING = 50_000
_MOST_BYTES = 32 * 1024 * 1024
_MOST_AT_ONCE = 256
_LAST_WORDS_SECONDS = 2.0


class Stream(Protocol):
    """What lines are written to."""

    def write(self, text: str, /) -> object:
        """Take whole lines."""

    def flush(self) -> object:
        """Hand them on."""


class Writer:
    """Take finished log lines and write them to a stream, standard error by default.

    Lines are written at once until `start`, from then on by a thread. Nothing here raises: a log that cannot be
    written is no reason to stop the gateway.
    """

    def __init__(self, stream: Stream | None = None, on_dropped: Callable[[int], str] = lambda count: "") -> None:
        """Make a writer; `on_dropped` makes the line that says how many lines were lost."""
        self.stream = stream
        self.on_dropped = on_dropped
        self.dropped = 0
        """Lines lost since the process began."""
        self._queue: SimpleQueue[str | Callable[[], object] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._told = 0
        self._given = self._taken = 0  # bytes queued, and written by the thread, which alone counts them
        # Reentrant: the garbage collector may run a finalizer here that logs.
        self._lock = threading.RLock()

    def write(self, line: str) -> None:
        """Write a line, or queue it for the thread."""
        if self._thread is None:
            self._put([line])
            return
        with self._lock:
            if self._queue.qsize() >= _MOST_WAITING or self._given - self._taken >= _MOST_BYTES:
                self.dropped += 1
            else:
                self._given += getsizeof(line)
                self._queue.put(line)

    def between_lines(self, work: Callable[[], object]) -> None:
        """Do something to the stream behind all lines written so far and before those to come, where they are written.

        `work` must not raise.
        """
        if self._thread is None:
            work()
        else:
            self._queue.put(work)

    def start(self) -> None:
        """Write from a thread from now on; the rest is flushed when the process ends."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
            self._thread.start()
            atexit.register(self.stop)

    def stop(self) -> None:
        """Flush what waits, for at most two seconds, and write at once again."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join(_LAST_WORDS_SECONDS)
            atexit.unregister(self.stop)

    def _run(self) -> None:
        while True:
            lines: list[str] = []
            item = self._queue.get()
            while isinstance(item, str):
                lines.append(item)
                if len(lines) >= _MOST_AT_ONCE:
                    break
                try:
                    item = self._queue.get_nowait()
                except Empty:
                    break
            taken = sum(map(getsizeof, lines))
            total = self.dropped
            if total > self._told:
                lines.append(self.on_dropped(total - self._told))
                self._told = total
            self._put(lines)
            self._taken += taken
            if item is None:
                return
            if callable(item):
                item()

    def _put(self, lines: list[str]) -> None:
        if not lines:
            return
        stream = self.stream if self.stream is not None else sys.stderr
        text = "".join(f"{line}\n" for line in lines)
        try:
            try:
                stream.write(text)
            except UnicodeError:
                stream.write(text.encode("ascii", "backslashreplace").decode())
            stream.flush()
        except (OSError, ValueError, AttributeError):
            # A closed or missing standard error; there is nobody left to tell.
            return
