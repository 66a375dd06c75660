"""Tests of holdfast.diagnostics.resources_cgroup."""

from __future__ import annotations

from pathlib import Path

from holdfast.diagnostics.resources_cgroup import CgroupFacts, read_cgroup
from tests.unit.diagnostics.machines import machine

VERSION_1 = {
    "memory/a/b/memory.limit_in_bytes": "9223372036854771712",
    "memory/a/memory.limit_in_bytes": "1000",
    "memory/a/b/memory.usage_in_bytes": "700",
    "memory/a/b/memory.stat": "total_inactive_file 100\n",
    "memory/a/b/memory.kmem.tcp.usage_in_bytes": "50",
    "cpu/a/b/cpu.cfs_quota_us": "-1",
    "cpu/a/cpu.cfs_quota_us": "150000",
    "cpu/a/cpu.cfs_period_us": "100000",
    "cpu/a/b/cpu.stat": "throttled_time 2000000000\n",
    "pids/a/b/pids.max": "max",
    "pids/a/pids.max": "64",
    "pids/a/b/pids.current": "5",
}


def test_version_2_takes_the_tightest_on_the_way_up(tmp_path: Path) -> None:
    """A limit of a group above holds too; what the kernel can drop does not count as used."""
    assert read_cgroup({"": "/app.slice/gateway"}, machine(tmp_path)) == CgroupFacts(
        version=2,
        memory_limit=104857600,
        memory_used=62914560 - 10485760,
        socket_memory=4096,
        cpu_cores=0.5,
        throttled_seconds=1.5,
        pids_limit=100,
        pids=3,
    )


def test_version_1_does_too(tmp_path: Path) -> None:
    """Each controller has a tree of its own."""
    for name, text in VERSION_1.items():
        file = tmp_path / "sys/fs/cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    assert read_cgroup(dict.fromkeys(("memory", "cpu", "pids"), "/a/b"), tmp_path) == CgroupFacts(
        version=1,
        memory_limit=1000,
        memory_used=600,
        socket_memory=50,
        cpu_cores=1.5,
        throttled_seconds=2.0,
        pids_limit=64,
        pids=5,
    )


def test_container_sees_its_group_as_the_root(tmp_path: Path) -> None:
    """Without a namespace the path is the host's and leads nowhere; the root is what holds."""
    root = machine(tmp_path, {"sys/fs/cgroup/memory.max": "5000", "sys/fs/cgroup/memory.current": "4000"})

    found = read_cgroup({"": "/docker/0123"}, root)

    assert (found.memory_limit, found.memory_used) == (5000, 4000)


def test_path_does_not_lead_out(tmp_path: Path) -> None:
    """`..` stays inside."""
    assert read_cgroup({"": "/../../app.slice/gateway"}, machine(tmp_path)).memory_limit == 104857600


def test_nothing_known_is_no_limit(tmp_path: Path) -> None:
    """No cgroups at all, and controllers without files."""
    assert read_cgroup({}, tmp_path) == CgroupFacts()
    assert read_cgroup({"memory": "/"}, tmp_path) == CgroupFacts(version=1)
