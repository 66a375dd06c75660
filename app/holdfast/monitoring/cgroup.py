"""The control groups of a process, version 1, 2 or both at once: what they let it have, and what of that is used.

A limit of a group around the process's own holds too, so all that can be seen are read, and the tightest counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from holdfast.monitoring.proc_files import ROOT, read

# Version 1 writes "no limit" as the largest multiple of the page size below 2^63.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class CgroupFacts:
    """Limits and use; a limit of None is none. `memory_used` leaves out what the kernel can drop at once.

    What is used is counted by the group that has the limit, since others in it use it as well; sockets are the own
    group's. `cpu_cores` is the quota as a number of cores, `throttled_seconds` how long a quota made the process wait.
    `version` is that of memory where a machine has both, 0 where no group can be seen.
    """

    version: int = 0
    memory_limit: int | None = None
    memory_used: int | None = None
    socket_memory: int | None = None
    cpu_cores: float | None = None
    throttled_seconds: float | None = None
    pids_limit: int | None = None
    pids: int | None = None


class _Groups(NamedTuple):
    """The folders of a process's groups for one controller, its own first, up to the highest that can be seen."""

    version: int = 0
    folders: tuple[Path, ...] = ()


class _Mount(NamedTuple):
    """Where a tree of groups is mounted, and which group stands there."""

    folder: Path
    top: tuple[str, ...] = ()


def read_cgroup(pid: int | str = "self", root: Path = ROOT) -> CgroupFacts:
    """Read what holds for a process; nothing raises, what is not there is None."""
    memory, cpu, pids = (_find(controller, pid, root) for controller in ("memory", "cpu", "pids"))
    memory_limit, memory_used = _memory(memory)
    pids_limit, of_pids = _least(pids, "pids.max")
    return CgroupFacts(
        version=memory.version or cpu.version or pids.version,
        memory_limit=memory_limit,
        memory_used=memory_used,
        socket_memory=_socket_memory(memory),
        cpu_cores=min((quota for folder in cpu.folders if (quota := _quota(cpu.version, folder))), default=None),
        throttled_seconds=_throttled(cpu),
        pids_limit=pids_limit,
        pids=_first(_number(folder / "pids.current") for folder in of_pids),
    )


def cgroup_memory_limit(root: Path = ROOT) -> int | None:
    """Return the bytes that this process's groups let it have."""
    return _memory_limit(_find("memory", "self", root))[0]


# Where groups are.


def _find(controller: str, pid: int | str, root: Path) -> _Groups:
    """Find a process's groups. A controller is in one tree: of version 1 where that names it, else of version 2."""
    lines = (line.split(":", 2) for line in (read(f"{root}/proc/{pid}/cgroup") or "").splitlines())
    groups = {name: parts[2] for parts in lines if len(parts) == 3 for name in parts[1].split(",")}
    name = controller if controller in groups else ""
    if name not in groups:
        return _Groups()
    group = _steps(groups[name])
    # The tree may be mounted more than once: where most of it can be seen.
    folders = max((_upward(mount, group) for mount in _mounts(name, root)), key=len, default=())
    return _Groups(1 if name else 2, folders) if folders else _Groups()


def _mounts(controller: str, root: Path) -> list[_Mount]:
    """Return where a tree is mounted, "" that of version 2; the usual places if the kernel does not say."""
    found = {}
    for line in (read(f"{root}/proc/self/mountinfo") or "").splitlines():
        # proc(5): the fourth field is the group, the fifth the folder; behind the dash type, source and options.
        words, _, kind = (part.split() for part in line.partition(" - "))
        if len(words) < 5 or len(kind) < 3:
            continue
        if kind[0] == "cgroup2" if not controller else kind[0] == "cgroup" and controller in kind[2].split(","):
            found[_plain(words[4])] = _plain(words[3])
    if found:
        return [_Mount(root / folder.lstrip("/"), _steps(top)) for folder, top in found.items()]
    usual = (controller,) if controller else ("", "unified")
    return [_Mount(root / "sys/fs/cgroup" / name) for name in usual]


def _upward(mount: _Mount, group: tuple[str, ...]) -> tuple[Path, ...]:
    """Return the folders from a group up to the mount; none if the group is not below it.

    Both are named from the reader's namespace, `..` being the groups around that; cgroup_namespaces(7).
    """
    shared = 0
    while shared < min(len(mount.top), len(group)) and mount.top[shared] == group[shared]:
        shared += 1
    above, below = mount.top[shared:], group[shared:]
    if set(above) - {".."} or ".." in below or not mount.folder.is_dir():
        return ()
    # Names between the mount and the namespace are unknown. A container may also know its group by the host's name,
    # which leads nowhere in it. The mount's own group is around the process all the same.
    if above or not mount.folder.joinpath(*below).is_dir():
        return (mount.folder,)
    return tuple(mount.folder.joinpath(*below[:count]) for count in range(len(below), -1, -1))


def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in path.split("/") if step)


def _plain(text: str) -> str:
    """Undo the escapes of mountinfo: octal numbers for blanks and the like."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


# What their files say.


def _memory(groups: _Groups) -> tuple[int | None, int | None]:
    limit, folders = _memory_limit(groups)
    return limit, _first(_memory_used(groups.version, folder) for folder in folders)


def _memory_limit(groups: _Groups) -> tuple[int | None, tuple[Path, ...]]:
    """Return the limit, and the folders to ask for what is used of it, the best first."""
    if groups.version != 1:
        return _least(groups, "memory.max")
    limit, folders = _least(groups, "memory.limit_in_bytes")
    # The kernel's own account also knows groups that cannot be seen from a container, and those that pass no limit on.
    said = _stat(groups.folders[0] / "memory.stat").get("hierarchical_memory_limit")
    if said is None or said == limit:
        return limit, folders
    return (said if said < _NO_LIMIT else None), groups.folders[:1]


def _memory_used(version: int, folder: Path) -> int | None:
    name, droppable = ("memory.current", "inactive_file")
    if version == 1:
        name, droppable = ("memory.usage_in_bytes", "total_inactive_file")
    used = _number(folder / name)
    return None if used is None else max(0, used - _stat(folder / "memory.stat").get(droppable, 0))


def _socket_memory(groups: _Groups) -> int | None:
    if not groups.folders:
        return None
    own = groups.folders[0]
    return (
        _number(own / "memory.kmem.tcp.usage_in_bytes")
        if groups.version == 1
        else _stat(own / "memory.stat").get("sock")
    )


def _throttled(groups: _Groups) -> float | None:
    # Each group counts what its own quota did.
    name, scale = ("throttled_time", 1e9) if groups.version == 1 else ("throttled_usec", 1e6)
    counts = [_stat(folder / "cpu.stat").get(name) for folder in groups.folders]
    return max((count / scale for count in counts if count is not None), default=None)


def _quota(version: int, folder: Path) -> float | None:
    """Return a group's quota in cores; `max`, -1 and nothing are none."""
    if version == 1:
        quota, period = _text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us")
    else:
        quota, _, period = _text(folder / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period):
        return int(quota) / int(period)
    return None


def _least(groups: _Groups, name: str) -> tuple[int | None, tuple[Path, ...]]:
    """Return the smallest limit, and the folders to ask for what is used of it: the group that has it, the own one."""
    limits = [(limit, folder) for folder in groups.folders if (limit := _number(folder / name)) is not None]
    if not limits:
        return None, groups.folders[:1]
    limit, folder = min(limits, key=lambda one: one[0])
    return limit, (folder, groups.folders[0])


def _first(values: Iterable[int | None]) -> int | None:
    return next((value for value in values if value is not None), None)


def _text(file: Path) -> str:
    return (read(str(file)) or "").strip()


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text.isdigit() and int(text) < _NO_LIMIT else None


def _stat(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(file).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}
