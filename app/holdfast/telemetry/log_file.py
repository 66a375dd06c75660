"""The log file: appends, begins a new file by size and age, opens again when asked; whatever goes wrong, lines go on.

One thread uses it, the log writer's. Lines that the file cannot take go to the fallback, standard error, after one
line that says why; the file is tried again every few seconds.
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Protocol

from holdfast.settings_logs import LogSettings

RETRY_SECONDS = 5.0
LOOK_SECONDS = 1.0
_MODE = 0o640
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # a pipe must not hold the thread
_HEAD_BYTES = 400
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


class Fallback(Protocol):
    """Where lines go that the file cannot take."""

    def write(self, text: str, /) -> object:
        """Take lines."""

    def flush(self) -> object:
        """Hand them on."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """`monotonic` for waiting, `wall` (Unix seconds) for the age of a file."""

    monotonic: Callable[[], float]
    wall: Callable[[], float]


Notice = Callable[[str, str, str], str]
"""From level, event and reason to a finished log line."""


class LogFile:
    """A file to write lines to; nothing here raises."""

    def __init__(self, settings: LogSettings, path: Path, clocks: Clocks, notice: Notice) -> None:
        self._path = path
        self._max_bytes, self._max_age, self._keep = settings.max_bytes, settings.max_age, settings.keep
        self._clocks = clocks
        self._notice = notice
        self.fallback: Fallback | None = None  # standard error as it is at the moment
        self.failures = 0
        self._fd = -1
        self._size = 0
        self._identity = (0, 0)
        self._born = 0.0
        self._is_torn = False  # a write ended inside a line
        self._is_failing = False
        self._retry_at = float("-inf")
        self._rotate_at = float("-inf")
        self._look_at = float("-inf")

    def write(self, text: str) -> None:
        """Append whole lines, to a new file where it is time for one."""
        data = text.encode("utf-8", "backslashreplace")
        now = self._clocks.monotonic()
        if not self._is_ready(now):
            self._fall_back(text)
            return
        if self._is_due(len(data)) and now >= self._rotate_at:
            self._rotate(now)
        if self._fd < 0:
            self._fall_back(text)
            return
        written = 0
        try:
            if self._is_failing or self._is_torn:
                self._greet()
            while written < len(data):
                written += os.write(self._fd, data[written:] if written else data)
        except OSError as error:
            self._size += written
            self._is_torn = self._is_torn or (written > 0 and data[written - 1 : written] != b"\n")
            self._fail(error, now)
            whole = data.rfind(b"\n", 0, written) + 1
            self._fall_back(data[whole:].decode())
        else:
            self._size += written

    def flush(self) -> None:
        """Do nothing: what was written is with the kernel."""

    def reopen(self) -> None:
        """Open the path again: whoever rotates the files has moved ours away."""
        self.close()
        self._open(self._clocks.monotonic())

    def close(self) -> None:
        """Let go of the file."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with suppress(OSError):
                os.close(fd)

    # Private methods

    def _is_ready(self, now: float) -> bool:
        """Have the file open that stands at the path now, unless that failed a moment ago."""
        if self._fd >= 0 and now < self._look_at:
            return True
        if self._fd < 0:
            return now >= self._retry_at and self._open(now)
        self._look_at = now + LOOK_SECONDS
        try:
            found = self._path.stat()
            is_ours = (found.st_dev, found.st_ino) == self._identity
        except OSError:
            is_ours = False
        if is_ours:
            return True
        self.close()
        return self._open(now)

    def _open(self, now: float) -> bool:
        try:
            fd = os.open(self._path, _FLAGS, _MODE)
        except OSError as error:
            self._fail(error, now)
            return False
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise OSError("it is no regular file")
            if found.st_mode & stat.S_IRWXO:
                with suppress(PermissionError):  # another user's; whoever made it so meant it
                    os.fchmod(fd, stat.S_IMODE(found.st_mode) & ~stat.S_IRWXO)
            self._born = self._birth(found.st_size, found.st_mtime)
        except OSError as error:
            os.close(fd)
            self._fail(error, now)
            return False
        self._fd, self._size, self._identity = fd, found.st_size, (found.st_dev, found.st_ino)
        self._look_at = now + LOOK_SECONDS
        return True

    def _birth(self, size: int, changed_at: float) -> float:
        """Return when the file's first line was written; no kernel call tells that of every file system."""
        if not size:
            return self._clocks.wall()
        with suppress(OSError, ValueError):
            with self._path.open("rb") as file:
                found = _MOMENT.search(file.read(_HEAD_BYTES))
            if found is not None:
                return datetime.fromisoformat(found[0].decode()).timestamp()
        return changed_at

    def _is_due(self, more: int) -> bool:
        if not self._size:
            return False
        is_large = self._max_bytes > 0 and self._size + more > self._max_bytes
        return is_large or (self._max_age > 0 and self._clocks.wall() - self._born >= self._max_age)

    def _rotate(self, now: float) -> None:
        if not self._still_ours():
            self.reopen()  # somebody else rotates too; theirs will do
            return
        try:
            for number in range(self._keep - 1, 0, -1):
                with suppress(FileNotFoundError):
                    os.replace(self._numbered(number), self._numbered(number + 1))
            os.replace(self._path, self._numbered(1))
        except OSError as error:
            # Better a file too large than none: the lines still go there.
            self._rotate_at = now + RETRY_SECONDS
            self.failures += 1
            self._say("warning", "log_file_not_rotated", _reason(error))
            return
        self.reopen()
        for number in count(self._keep + 1):  # left from when more were kept
            try:
                self._numbered(number).unlink()
            except OSError:
                break

    def _still_ours(self) -> bool:
        try:
            found = self._path.stat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _greet(self) -> None:
        """End a line that was cut, and say in the file where the lines between are."""
        line = ""
        if self._is_failing:
            line = self._notice("warning", "log_file_back", "lines between went to standard error") + "\n"
        data = ("\n" if self._is_torn else "").encode() + line.encode()
        written = os.write(self._fd, data)
        self._size += written
        self._is_torn = written < len(data)
        self._is_failing = False

    def _fail(self, error: OSError, now: float) -> None:
        self.close()
        self._retry_at = now + RETRY_SECONDS
        self.failures += 1
        if not self._is_failing:
            self._is_failing = True
            self._say("error", "log_file_failed", _reason(error))

    def _say(self, level: str, event: str, reason: str) -> None:
        self._fall_back(self._notice(level, event, reason) + "\n")

    def _fall_back(self, text: str) -> None:
        stream = self.fallback if self.fallback is not None else sys.stderr
        with suppress(OSError, ValueError, AttributeError):  # nobody is left to tell
            try:
                stream.write(text)
            except UnicodeError:
                stream.write(text.encode("ascii", "backslashreplace").decode())
            stream.flush()


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
