"""One line for each command that could change hosts: who, when, what, how it ended; and one run at a time."""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from .problems import DeployError, Exit
from .target import CACHE


class Audited(Protocol):
    """What a command works on."""

    @property
    def name(self) -> str:
        """Return what it is called."""

    @property
    def folder(self) -> Path:
        """Return where its files are."""

    @property
    def audited(self) -> dict[str, Any]:
        """Return what a line of the log says of it."""


LOG = CACHE / "deploy" / "audit.log"


def note(target: Audited, what: str, result: str, seconds: float, *, log: Path | None = None) -> None:
    """Append a line to the audit log."""
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "who": os.environ.get("SUDO_USER") or _user(),
        "what": what,
        **target.audited,
        "result": result,
        "seconds": round(seconds, 1),
    }
    path = log or LOG
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # One write of one line in append mode: lines of two commands do not mix.
    handle = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    try:
        os.write(handle, (json.dumps(line) + "\n").encode())
    finally:
        os.close(handle)


@contextmanager
def only_one(target: Audited) -> Iterator[None]:
    """Let one command at a time work on a target from this checkout.

    Raises:
        DeployError: another one does.
    """
    target.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (target.folder / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise DeployError(
                f"another command works on {target.name} ({file.read().strip() or 'unknown'})", Exit.UNKNOWN,
                following="wait until it is done",
            ) from None  # fmt: skip
        file.truncate(0)
        file.write(f"process {os.getpid()} since {time.strftime('%H:%M:%S')}")
        file.flush()
        yield


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
