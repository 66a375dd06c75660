"""The machine: name, kernel, memory, cores, modules."""

from __future__ import annotations

import os
import platform
import re
from typing import Any

_MIB = 1024 * 1024


def host() -> dict[str, Any]:
    """Return what numbers are derived from, and what tells this host from others."""
    return {
        "name": platform.node(),
        "kernel": platform.release(),
        "memory_bytes": memory(_text("/proc/meminfo")),
        "cores": os.sysconf("SC_NPROCESSORS_ONLN"),
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "boot_id": _text("/proc/sys/kernel/random/boot_id").strip(),
    }


def memory(text: str) -> int:
    """Return bytes, in whole MiB as Ansible's facts have them: the same host gets the same numbers from both."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) // 1024 * _MIB if found else 0


def modules(names: list[str]) -> dict[str, str | None]:
    """Return `loaded` for each module that is, built in or not: one without parameters shows only in what it brings."""
    return {name: "loaded" if _is_there(name) else None for name in names}


def _is_there(name: str) -> bool:
    if os.path.isdir(f"/sys/module/{name}"):
        return True
    if name == "nf_conntrack":
        return os.path.exists("/proc/sys/net/netfilter/nf_conntrack_max")
    algorithms = _text("/proc/sys/net/ipv4/tcp_available_congestion_control").split()
    return name.startswith("tcp_") and name[4:] in algorithms


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""
