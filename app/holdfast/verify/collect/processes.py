"""Finds processes by what they were started as, and reads their limits. Only the program's own words are looked at."""

from __future__ import annotations

import os
import re

_PYTHON = re.compile(r"(python|pypy)[\d.]*t?")


def arguments(pid: int) -> list[str]:
    """Return a process' command line; empty where it has gone or has none."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as handle:
            return handle.read().rstrip("\0").split("\0")
    except OSError:
        return []


def running(program: str) -> list[int]:
    """Return the processes of a program, whatever its folder."""
    return [pid for pid in _visible() if is_of(arguments(pid), program)]


def gateways() -> list[int]:
    """Return the processes that are a gateway: Python that runs `holdfast serve`."""
    return [pid for pid in _visible() if is_gateway(arguments(pid), _program(pid))]


def is_of(line: list[str], program: str) -> bool:
    """Tell whether a command line is the program's own, and not that of one that started it or only names it."""
    # Redis puts its address behind its name: `redis-server 127.0.0.1:6379`.
    name = os.path.basename(line[0].split(" ")[0]) if line else ""
    return name == program


def is_gateway(line: list[str], program: str = "") -> bool:
    """Tell whether a command line is a gateway's: an interpreter, its options, `holdfast` or `-m holdfast`, `serve`.

    Args:
        line: the command line.
        program: the file that runs, where that can be seen; a process may call itself anything.
    """
    if not line or not _PYTHON.fullmatch(os.path.basename(program or line[0])):
        return False
    rest = line[1:]
    while rest and rest[0].startswith("-") and rest[0] != "-m":
        rest = rest[2:] if rest[0] in {"-X", "-W"} else rest[1:]
    if rest[:1] == ["-m"]:
        rest = rest[1:]
        is_ours = rest[:1] == ["holdfast"]
    else:
        is_ours = bool(rest) and os.path.basename(rest[0]) == "holdfast"
    return is_ours and next((word for word in rest[1:] if not word.startswith("-")), "") == "serve"


def _visible() -> list[int]:
    """Return the processes of this host; those in containers on it are looked at in there."""
    own = _link("self", "ns/pid")
    pids = sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())
    return [pid for pid in pids if _link(pid, "ns/pid") in ("", own)]


def _program(pid: int) -> str:
    # Of a program that was replaced meanwhile, the kernel says so behind its name.
    return _link(pid, "exe").replace(" (deleted)", "")


def _link(pid: int | str, name: str) -> str:
    """Return what a link of a process leads to; "" where that cannot be seen."""
    try:
        return os.readlink(f"/proc/{pid}/{name}")
    except OSError:
        return ""


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
