"""Reads cgroup limits, version 1 and 2: memory, CPU and number of tasks, the tightest on the way up to the root."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.monitoring.proc_files import read

# Version 1 writes "no limit" as the largest multiple of the page size below 2^63.
_NO_LIMIT = 1 << 60


@dataclass(frozen=True, slots=True)
class CgroupFacts:
    """Limits and use; a limit of None is none. `memory_used` leaves out what the kernel can drop at once.

    `cpu_cores` is the quota as a number of cores, `throttled_seconds` how long it made the group wait since its start.
    """

    version: int = 0
    memory_limit: int | None = None
    memory_used: int | None = None
    socket_memory: int | None = None
    cpu_cores: float | None = None
    throttled_seconds: float | None = None
    pids_limit: int | None = None
    pids: int | None = None


def read_cgroup(groups: Mapping[str, str], root: Path = Path("/")) -> CgroupFacts:
    """Read what holds for a process; `groups` are its cgroups by controller, "" that of version 2."""
    root = root / "sys/fs/cgroup"
    if (root / "cgroup.controllers").exists():
        return _version_2(root, groups.get("", "/"))
    if "memory" in groups or "cpu" in groups or "pids" in groups:
        return _version_1(root, groups)
    return CgroupFacts()


def _version_2(root: Path, path: str) -> CgroupFacts:
    folders = list(_upward(root, path))
    own = folders[0]
    quotas = [_quota(*_text(folder / "cpu.max").partition(" ")[::2]) for folder in folders]
    stat = _stat(own / "memory.stat")
    used = _number(own / "memory.current")
    throttled = _stat(own / "cpu.stat").get("throttled_usec")
    return CgroupFacts(
        version=2,
        memory_limit=_least(_number(folder / "memory.max") for folder in folders),
        memory_used=None if used is None else max(0, used - stat.get("inactive_file", 0)),
        socket_memory=stat.get("sock"),
        cpu_cores=_least_quota(quotas),
        throttled_seconds=None if throttled is None else throttled / 1e6,
        pids_limit=_least(_number(folder / "pids.max") for folder in folders),
        pids=_number(own / "pids.current"),
    )


def _version_1(root: Path, groups: Mapping[str, str]) -> CgroupFacts:
    memory = list(_upward(root / "memory", groups.get("memory", "/")))
    cpu = list(_upward(root / "cpu", groups.get("cpu", "/")))
    pids = list(_upward(root / "pids", groups.get("pids", "/")))
    stat = _stat(memory[0] / "memory.stat")
    used = _number(memory[0] / "memory.usage_in_bytes")
    throttled = _stat(cpu[0] / "cpu.stat").get("throttled_time")
    quotas = [_quota(_text(one / "cpu.cfs_quota_us"), _text(one / "cpu.cfs_period_us")) for one in cpu]
    return CgroupFacts(
        version=1,
        memory_limit=_least(_number(folder / "memory.limit_in_bytes") for folder in memory),
        memory_used=None if used is None else max(0, used - stat.get("total_inactive_file", 0)),
        socket_memory=_number(memory[0] / "memory.kmem.tcp.usage_in_bytes"),
        cpu_cores=_least_quota(quotas),
        throttled_seconds=None if throttled is None else throttled / 1e9,
        pids_limit=_least(_number(folder / "pids.max") for folder in pids),
        pids=_number(pids[0] / "pids.current"),
    )


def _upward(root: Path, path: str) -> Iterator[Path]:
    """Yield the folders from a cgroup's own up to the root; in a container its own may be the root itself."""
    steps = [step for step in path.split("/") if step not in {"", ".", ".."}]
    is_visible = root.joinpath(*steps).is_dir()
    for count in range(len(steps) if is_visible else 0, -1, -1):
        yield root.joinpath(*steps[:count])


def _text(file: Path) -> str:
    return (read(str(file)) or "").strip()


def _number(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text.isdigit() and int(text) < _NO_LIMIT else None


def _stat(file: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(file).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _quota(quota: str, period: str) -> float | None:
    """Return a quota in cores; `max`, -1 and nothing are none."""
    if quota.isdigit() and period.isdigit() and int(period):
        return int(quota) / int(period)
    return None


def _least(values: Iterator[int | None]) -> int | None:
    return min((value for value in values if value is not None), default=None)


def _least_quota(values: list[float | None]) -> float | None:
    return min((value for value in values if value is not None), default=None)
