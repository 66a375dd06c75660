"""Control groups as lists of processes: whatever a host runs is in the group of its name, whoever its parent is.

So everything of a set is found and ended even when the program that started it was killed. systemd-nspawn also needs
a group for each container: without one all containers would share theirs.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from .shell import HostsError, wait_until

MOUNT = Path("/sys/fs/cgroup")
END_SECONDS = 20.0


def hierarchies() -> list[Path]:
    """Return where groups are made: the one tree of version 2, or systemd's own beside those of version 1."""
    if (MOUNT / "cgroup.controllers").is_file():
        return [MOUNT]
    return [MOUNT / name for name in ("systemd", "unified") if (MOUNT / name / "cgroup.procs").is_file()]


def join_script(group: str) -> str:
    """Return shell lines that put the shell into a group."""
    folders = [str(root / group) for root in hierarchies()]
    return "".join(f"mkdir -p {folder} && echo $$ >{folder}/cgroup.procs || exit 1\n" for folder in folders)


def start(group: str, words: Sequence[str], log: Path) -> None:
    """Start a program in a group that outlives this one; what it prints is added to a log.

    Raises:
        HostsError: the group could not be made.
    """
    script = join_script(group) + '"$@" &\n'
    with log.open("ab") as file:
        done = subprocess.run(
            ["sh", "-c", script, "sh", *words],
            stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, timeout=60, check=False,
        )  # fmt: skip
    if done.returncode:
        raise HostsError(f"The control group {group} could not be made below {MOUNT}: {log} says why.")


def processes(group: str) -> set[int]:
    """Return the processes of a group and of the groups in it."""
    found: set[int] = set()
    for root in hierarchies():
        for path in (root / group).glob("**/cgroup.procs"):
            # A group may go while it is read, and the list of a threaded one cannot be read.
            with suppress(OSError):
                found.update(int(word) for word in path.read_text().split())
    return found - {0}


def end(group: str) -> bool:
    """Kill all processes of a group and remove it; tell whether nothing is left."""

    def is_empty() -> bool:
        for process in processes(group):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        return not any(_is_alive(process) for process in processes(group))

    was_emptied = wait_until(is_empty, END_SECONDS)
    return was_emptied and wait_until(lambda: _remove(group), END_SECONDS)


def _is_alive(process: int) -> bool:
    """Tell whether it runs: a zombie only waits for its parent, which may take its time."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


def _remove(group: str) -> bool:
    for root in hierarchies():
        folders = [path for path in (root / group).glob("**/") if path.is_dir()]
        for folder in sorted(folders, reverse=True):
            with suppress(OSError):
                folder.rmdir()
    return not any((root / group).is_dir() for root in hierarchies())
