"""Finds processes by what they were started as, and reads their limits. Only the program's own words are looked at."""

from __future__ import annotations

import os
import re


def arguments(pid: int) -> list[str]:
    """Return a process' command line; empty where it has gone or has none."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as handle:
            return handle.read().rstrip("\0").split("\0")
    except OSError:
        return []


def running(program: str, *words: str) -> list[int]:
    """Return the processes of a program, whatever its folder, that were given these words."""
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
    return [pid for pid in pids if is_of(arguments(pid), program, words)]


def is_of(line: list[str], program: str, words: tuple[str, ...] = ()) -> bool:
    """Tell whether a command line is the program's, directly or through an interpreter."""
    names = [os.path.basename(word) for word in line[:3]]
    names += [line[index + 1] for index, word in enumerate(line[:2]) if word == "-m" and len(line) > index + 1]
    # Redis puts its address behind its name: `redis-server 127.0.0.1:6379`.
    called = any(name == program or name.startswith(f"{program} ") for name in names)
    return called and all(word in line for word in words)


def descriptors(pid: int) -> dict[str, int] | None:
    """Return soft and hard limit of descriptors, and how many are open where that can be seen; -1 is no limit."""
    try:
        with open(f"/proc/{pid}/limits", encoding="ascii", errors="replace") as handle:
            text = handle.read()
    except OSError:
        return None
    found = re.search(r"^Max open files\s+(\S+)\s+(\S+)", text, re.MULTILINE)
    if found is None:
        return None
    soft, hard = (-1 if word == "unlimited" else int(word) for word in found.groups())
    limits = {"soft": soft, "hard": hard}
    try:
        limits["open"] = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        pass
    return limits


def sockets(pid: int) -> list[int] | None:
    """Return the inodes of a process' sockets; None where they cannot be seen."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return None
    found = []
    for name in names:
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except OSError:
            # Closed meanwhile.
            continue
        if target.startswith("socket:["):
            found.append(int(target[8:-1]))
    return found
