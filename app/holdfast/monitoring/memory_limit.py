"""How much memory the process may have: by its control groups, by the settings, by the machine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from holdfast.monitoring.cgroup import cgroup_memory_limit
from holdfast.monitoring.proc_files import ROOT, read


class MemoryLimit(NamedTuple):
    """The limit that comes first, and whose it is: `cgroup`, `settings` or `machine`."""

    limit_bytes: int
    source: str


def memory_limit(configured: int = 0, root: Path = ROOT) -> MemoryLimit | None:
    """Return the smallest limit; None where nothing is known of any. `configured` 0 is none."""
    known = {"settings": configured or None, "cgroup": cgroup_memory_limit(root), "machine": machine_memory(root)}
    found = [MemoryLimit(limit, source) for source, limit in known.items() if limit is not None]
    return min(found, key=lambda one: one.limit_bytes, default=None)


def machine_memory(root: Path = ROOT) -> int | None:
    """Return the memory of the machine."""
    for line in (read(f"{root}/proc/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None
