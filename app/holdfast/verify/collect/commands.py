"""Asks programs of the host; one that is missing or fails is a reason, never an error."""

from __future__ import annotations

import subprocess

_TIMEOUT_SECONDS = 20


def answer(*command: str) -> tuple[str, str]:
    """Return what a command prints and, where it did not go well, the reason."""
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, text=True, errors="replace",
            timeout=_TIMEOUT_SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return "", f"this host has no program {command[0]}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", f"{command[0]}: {type(error).__name__}"
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        return done.stdout, f"{command[0]}: {said}"
    return done.stdout, ""
