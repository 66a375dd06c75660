"""How much memory the process may have: by its control groups, by the settings, by the machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from holdfast.monitoring.proc_files import ROOT, read, read_number


class MemoryLimit(NamedTuple):
    """The limit that comes first, and whose it is: `cgroup`, `settings` or `machine`."""

    limit_bytes: int
    source: str


def memory_limit(configured: int = 0, root: Path = ROOT) -> MemoryLimit | None:
    """Return the smallest limit; None where nothing is known of any. `configured` 0 is none."""
    known = {"settings": configured or None, "cgroup": cgroup_limit(root), "machine": machine_memory(root)}
    found = [MemoryLimit(limit, source) for source, limit in known.items() if limit is not None]
    return min(found, key=lambda one: one.limit_bytes, default=None)


def machine_memory(root: Path = ROOT) -> int | None:
    """Return the memory of the machine."""
    for line in (read(f"{root}/proc/meminfo") or "").splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    return None


def cgroup_limit(root: Path = ROOT) -> int | None:
    """Return the smallest limit of the process's control group and of those around it, of version 1 or 2."""
    limits = [limit for path in _limit_files(root) if (limit := read_number(path)) is not None]
    return min(limits, default=None)  # version 2 says "max" for none, version 1 a number beyond any memory


def _limit_files(root: Path) -> Iterator[str]:
    """Yield the files that may hold a limit, from the process's group up; cgroups(7)."""
    for line in (read(f"{root}/proc/self/cgroup") or "").splitlines():
        _, controllers, group = [*line.split(":", 2), "", ""][:3]
        if controllers and "memory" not in controllers.split(","):
            continue
        mounts, name = (("memory",), "memory.limit_in_bytes") if controllers else (("", "unified"), "memory.max")
        # In a container the group's path may be the host's while its files stand at the mount itself.
        path = PurePosixPath("/", group)
        for mount in mounts:
            for folder in (path, *path.parents):
                yield f"{root}/sys/fs/cgroup/{mount}{folder}/{name}"
