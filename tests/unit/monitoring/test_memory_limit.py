from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.monitoring.memory_limit import machine_memory, memory_limit
from tests.unit.monitoring.conftest import Write


@pytest.mark.parametrize(
    ("configured", "cgroup", "machine", "expected"),
    [
        (0, "300", 1, (300, "cgroup")),
        (200, "300", 1, (200, "settings")),
        (5000, "300", 1, (300, "cgroup")),
        (5000, "max", 1, (1024, "machine")),
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
        write("proc/meminfo", f"MemFree: 0 kB\nMemTotal:       {machine} kB\n")

    assert memory_limit(configured, tmp_path) == expected


def test_machine_without_meminfo_has_no_known_memory(tmp_path: Path) -> None:
    """As on other systems than Linux."""
    assert machine_memory(tmp_path) is None
