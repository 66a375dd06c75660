"""Reads what the kernel shows as files: sysctls by key, everything else by path. Runs on hosts."""

from __future__ import annotations

import os
import re

PROC_SYS = "/proc/sys"


def path_of(name: str) -> str:
    """Return the file of a sysctl key, or the name itself where it is a path.

    As in sysctl.d(5), the first separator decides: `net/ipv4/conf/eth0.1/rp_filter` keeps its dot.
    """
    if name.startswith("/"):
        return name
    first = re.search(r"[./]", name)
    return os.path.join(PROC_SYS, name if first and first.group() == "/" else name.replace(".", "/"))


def normal(text: str) -> str:
    """Return a value as it is written: single blanks, and of `always [madvise] never` the one in force."""
    words = text.split()
    chosen = [word[1:-1] for word in words if word.startswith("[") and word.endswith("]")]
    return chosen[0] if len(chosen) == 1 and len(words) > 1 else " ".join(words)


def read(name: str) -> str | None:
    """Return the value in force, or None where this kernel has no such thing."""
    try:
        with open(path_of(name), encoding="ascii", errors="replace") as handle:
            return normal(handle.read())
    except OSError:
        return None


def values(names: list[str]) -> dict[str, str | None]:
    """Return several by name."""
    return {name: read(name) for name in names}
