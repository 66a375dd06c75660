from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.monitoring.cgroup import cgroup_limit, machine_memory, memory_limit
from tests.unit.monitoring.conftest import Write

HYBRID = "4:memory:/pods/one\n3:cpuset:/\n1:name=systemd:/\n0::/\n"
NO_LIMIT = "9223372036854771712\n"  # as version 1 says it


@pytest.mark.parametrize(
    ("groups", "files", "limit"),
    [
        # Version 2: the group's own, one around it, none.
        ("0::/pods/one\n", {"pods/one/memory.max": "500\n", "pods/memory.max": "max\n"}, 500),
        ("0::/pods/one\n", {"pods/one/memory.max": "500\n", "pods/memory.max": "400\n"}, 400),
        ("0::/pods/one\n", {"pods/one/memory.max": "max\n"}, None),
        # Inside a container the group's files stand at the mount.
        ("0::/\n", {"memory.max": "300\n"}, 300),
        # Version 1, alone and beside version 2.
        (HYBRID, {"memory/pods/one/memory.limit_in_bytes": "700\n"}, 700),
        (HYBRID, {"memory/memory.limit_in_bytes": "600\n"}, 600),
        (HYBRID, {"memory/pods/one/memory.limit_in_bytes": NO_LIMIT, "unified/memory.max": "800\n"}, 800),
        ("3:cpuset:/\n", {"memory/memory.limit_in_bytes": "600\n"}, None),
        ("nonsense\n", {}, None),
        ("", {}, None),
    ],
)
def test_cgroup_limit_is_the_smallest_around_the_process(
    tmp_path: Path, write: Write, groups: str, files: dict[str, str], limit: int | None
) -> None:
    """Whatever the version, and wherever in the tree it is set."""
    write("proc/self/cgroup", groups)
    for path, text in files.items():
        write(f"sys/fs/cgroup/{path}", text)

    assert cgroup_limit(tmp_path) == limit


@pytest.mark.parametrize(
    ("configured", "cgroup", "machine", "expected"),
    [
        (0, "300", 1, (300, "cgroup")),
        (200, "300", 1, (200, "settings")),
        (5000, "300", 1, (300, "cgroup")),
        (5000, "max", 1, (1024, "machine")),
        (0, NO_LIMIT, 1, (1024, "machine")),
        (77, "max", None, (77, "settings")),
        (0, "max", None, None),
    ],
)
def test_memory_limit_is_the_one_that_comes_first(
    tmp_path: Path, write: Write, configured: int, cgroup: str, machine: int | None, expected: object
) -> None:
    """And says whose it is."""
    write("proc/self/cgroup", "0::/\n")
    write("sys/fs/cgroup/memory.max", f"{cgroup}\n")
    if machine is not None:
        write("proc/meminfo", f"MemTotal:       {machine} kB\nMemFree: 0 kB\n")

    assert memory_limit(configured, tmp_path) == expected


def test_machine_without_meminfo_has_no_known_memory(tmp_path: Path) -> None:
    """As on other systems than Linux."""
    assert machine_memory(tmp_path) is None
