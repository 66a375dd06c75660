"""Who did what, when and why: a line for each script that acts, and a lock so that no two act at the same time."""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from holdfast.cli.failure import CliError, Exit


def state_folder() -> Path:
    """Return the folder for what programs of this user keep."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "holdfast"


def audit_path(option: Path | None, of_fleet: str) -> Path:
    """Return the file of audit lines: the option's, the instances file's, else that of the user."""
    named = option or of_fleet
    return Path(named) if named else state_folder() / "audit.jsonl"


def who() -> str:
    """Return who runs this, also behind sudo, and where."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a number without a name, in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def write_line(path: Path, facts: dict[str, Any]) -> None:
    """Append one line; each is written whole, whoever else writes.

    Raises:
        CliError: it cannot be written.
    """
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = json.dumps({"time": moment, **facts}, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
    except OSError as error:
        raise CliError(
            f"the audit line cannot be written to {path}: {error.strerror}.\n  Name another file with --audit-log.",
            Exit.USAGE,
        ) from None


@contextmanager
def locked(fleet_file: Path | None, place: str) -> Iterator[None]:
    """Let no second script act on the same instances for the length of a block.

    The instances file itself is the lock, so that it holds for all users of a machine; without one, a file of the user.

    Raises:
        CliError: another script acts.
    """
    path = fleet_file
    if path is None:
        name = hashlib.sha256(place.encode()).hexdigest()[:16]
        path = state_folder() / f"{name}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(exist_ok=True)
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CliError(
                f"another script works on these instances (lock on {path}); wait until it has ended", Exit.REFUSED
            ) from None
        yield
