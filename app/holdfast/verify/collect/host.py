"""The machine: name, kernel, memory, cores, modules."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from typing import Any

_MIB = 1024 * 1024
# The kernel's number of the namespace in which a machine starts (PROC_PID_INIT_INO).
_MACHINES_PROCESSES = 0xEFFFFFFC


def host() -> dict[str, Any]:
    """Return what numbers are derived from, and what tells this host from others."""
    return {
        "name": platform.node(),
        "kernel": platform.release(),
        "memory_bytes": memory(_text("/proc/meminfo")),
        "cores": os.sysconf("SC_NPROCESSORS_ONLN"),
        "page_bytes": os.sysconf("SC_PAGE_SIZE"),
        "boot_id": _text("/proc/sys/kernel/random/boot_id").strip(),
        "systemd": has_systemd(),
        "container": "" if has_systemd() else container(os.environ),
    }


def has_systemd() -> bool:
    """Tell whether systemd started this host, as sd_booted(3) does."""
    return os.path.isdir("/run/systemd/system")


def container(environment: Mapping[str, str]) -> str:
    """Return `pod` or `container` where we are in one, "" on a machine."""
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return "pod"
    # What runtimes leave in files says nothing: an image may have become a machine's disk.
    try:
        is_inner = os.stat("/proc/self/ns/pid").st_ino != _MACHINES_PROCESSES
    except OSError:
        is_inner = False
    return "container" if is_inner else ""


def memory(text: str) -> int:
    """Return bytes, in whole MiB as Ansible's facts have them: the same host gets the same numbers from both."""
    found = re.search(r"^MemTotal:\s+(\d+) kB", text, re.MULTILINE)
    return int(found.group(1)) // 1024 * _MIB if found else 0


def modules(names: list[str]) -> dict[str, str | None]:
    """Return `loaded` or `built in` for each module that is there, None for another."""
    loadable = {line.partition(" ")[0] for line in _text("/proc/modules").splitlines()}
    return {name: "loaded" if name in loadable else "built in" if _is_there(name) else None for name in names}


def _is_there(name: str) -> bool:
    """Tell whether something is built in: what has no parameters shows only in what it brings."""
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
