"""The gateway that runs in this folder by `serve --dev`, noted in a file for as long as it runs.

Commands typed beside it find it there, whatever port it was given, and a second start says that there is one. Nothing
secret is in the file. A lock says whether what it says still holds: the kernel lets go of it however the process ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.place import LOCAL_FOLDER, is_loopback, place_of, settings_file

if TYPE_CHECKING:
    from holdfast.settings import Settings

FILE: Final = LOCAL_FOLDER / "running.json"
PORT_VARIABLE: Final = "HOLDFAST_PORT"
_VARIABLES: Final = (PORT_VARIABLE, "HOLDFAST_HOST", "HOLDFAST_INTERNAL_HOST", "HOLDFAST_INTERNAL_PORT")
_TRIES: Final = 20
_TRY_SECONDS: Final = 0.05
_LONGEST_BYTES: Final = 8192


@dataclass(frozen=True, slots=True)
class Running:
    """A gateway that runs: its process, what it holds, and its addresses, which are empty until it listens."""

    pid: int
    settings_file: str
    port: int
    snapshot: str
    public: str = ""
    internal: str = ""

    def clashes(self, loaded: Settings) -> bool:
        """Tell whether another gateway with these settings would want the same port or the same file of history."""
        has_snapshot = bool(self.snapshot) and self.snapshot == _absolute(loaded.broker.snapshot_path)
        return has_snapshot or 0 != loaded.port == self.port

    def is_at(self, base: str) -> bool:
        """Tell whether a base URL is one of its addresses, by whichever name of this machine."""
        return bool(base) and any(_same(base, own) for own in (self.public, self.internal))


class Note:
    """The file, held by the process that it tells of.

    Args:
        sleep: waits between tries, for somebody who reads the file holds it for a moment.
    """

    def __init__(self, path: Path = FILE, sleep: Callable[[float], None] = time.sleep) -> None:
        self._path = path
        self._sleep = sleep
        self._file: BinaryIO | None = None
        self._running: Running | None = None

    def claim(self, loaded: Settings, option: Path | None, environ: Mapping[str, str]) -> None:
        """Note this process; one that shares nothing with the gateway of the folder goes on without a note.

        Raises:
            CliError: a gateway runs here that has what this one needs.
        """
        file = self._held()
        if file is None:
            other = running(self._path)
            if other is not None and other.clashes(loaded):
                raise CliError(_second(other), Exit.USAGE)
            return
        self._file = file
        self._running = Running(
            os.getpid(),
            str(settings_file(option, environ).absolute()),
            loaded.port,
            _absolute(loaded.broker.snapshot_path),
        )
        self._write()

    def tell(self, loaded: Settings, base_url: str) -> None:
        """Note the addresses, now that it listens."""
        if self._running is None:
            return
        internal = place_of(loaded).internal if loaded.internal_port else base_url
        port = urlsplit(base_url).port or self._running.port
        self._running = replace(self._running, port=port, public=base_url, internal=internal)
        self._write()

    def close(self) -> None:
        """Let go: nothing runs here any more."""
        if self._file is not None:
            self._file.truncate(0)
            self._file.close()
            self._file = None

    # Private methods

    def _held(self) -> BinaryIO | None:
        """Return the file under a lock of our own, None if another process has it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with suppress(OSError):
            file = os.fdopen(os.open(self._path, flags, 0o600), "r+b", buffering=0)
            for _ in range(_TRIES):
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return file
                self._sleep(_TRY_SECONDS)
            file.close()
        return None

    def _write(self) -> None:
        if self._file is None or self._running is None:
            return
        self._file.truncate(0)
        self._file.seek(0)
        self._file.write(json.dumps(asdict(self._running)).encode())


def running(path: Path = FILE) -> Running | None:
    """Return the gateway that runs in this folder, None if there is none."""
    with suppress(OSError, ValueError, TypeError), path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return Running(**json.loads(file.read(_LONGEST_BYTES)))
    return None


def place_here(option: Path | None, environ: Mapping[str, str]) -> Running | None:
    """Return the gateway of this folder, if it was started from the settings that a command line and variables mean."""
    if any(environ.get(name) for name in _VARIABLES):
        return None
    found = running()
    if found is None or not found.public:
        return None
    return found if found.settings_file == str(settings_file(option, environ).absolute()) else None


def _second(other: Running) -> str:
    where = f"at {other.public} " if other.public else ""
    return (
        f"a gateway already runs in this folder, {where}(process {other.pid}): use that one, end it with"
        f" `kill {other.pid}`, or start one beside it that keeps no history:\n"
        f"  {PORT_VARIABLE}={other.port + 1} HOLDFAST_BROKER__SNAPSHOT_PATH= make run"
    )


def _absolute(path: Path | None) -> str:
    return str(path.absolute()) if path is not None else ""


def _same(one: str, other: str) -> bool:
    first, second = urlsplit(one), urlsplit(other)
    if (first.scheme, first.port) != (second.scheme, second.port):
        return False
    return first.hostname == second.hostname or (is_loopback(one) and is_loopback(other))
