"""Run a program with a bound on its time, and say in one sentence what went wrong."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

TRIES_EVERY_SECONDS = 0.05


class HostsError(Exception):
    """What was wanted, what came, what to do: one sentence or two for whoever asked for the hosts."""


def run(*command: str | Path, timeout: float = 30, folder: Path | None = None) -> str:
    """Return what a command prints on its standard output.

    Raises:
        HostsError: it is missing, failed, or took longer than `timeout` seconds.
    """
    words = [str(word) for word in command]
    shown = " ".join(words[:6])
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, cwd=folder, check=False
        )
    except FileNotFoundError:
        raise HostsError(f"`{words[0]}` is not installed.") from None
    except subprocess.TimeoutExpired:
        raise HostsError(f"`{shown}` did not end within {timeout:.0f} s.") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-3:] or ["no output"]
        raise HostsError(f"`{shown}` ended with {done.returncode}: {' / '.join(last)}")
    return done.stdout


def succeeds(*command: str | Path, timeout: float = 30) -> bool:
    """Tell whether a command ends with 0, whatever it prints."""
    try:
        run(*command, timeout=timeout)
    except HostsError:
        return False
    return True


def wait_until(condition: Callable[[], bool], seconds: float, every: float = TRIES_EVERY_SECONDS) -> bool:
    """Ask again until the condition holds, and tell whether it did within that time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True
