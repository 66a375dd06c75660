from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from holdfast.monitoring import proc_self
from holdfast.monitoring.proc_self import Descriptors, descriptor_limit, resident_bytes
from tests.brokers import Clock
from tests.unit.monitoring.conftest import Write


def test_resident_memory_is_the_second_number(tmp_path: Path, write: Write) -> None:
    """In pages."""
    write("proc/self/statm", "5000 1200 300 1 0 400 0\n")

    assert resident_bytes(tmp_path) == 1200 * resource.getpagesize()
    assert resident_bytes(tmp_path / "nowhere") is None


@pytest.mark.parametrize(("soft", "limit"), [(1024, 1024), (resource.RLIM_INFINITY, None)])
def test_descriptor_limit_is_the_soft_one(monkeypatch: pytest.MonkeyPatch, soft: int, limit: int | None) -> None:
    """Without a limit there is none to come near to."""
    monkeypatch.setattr(proc_self.resource, "getrlimit", lambda which: (soft, 4096))

    assert descriptor_limit() == limit


def test_descriptors_are_the_size_of_their_folder(tmp_path: Path, write: Write) -> None:
    """As kernels since 6.2 say; others than /proc have a size of their own there, which does for a test."""
    write("proc/self/fd/0", "")

    assert Descriptors(lambda: 0, tmp_path).count() == os.stat(tmp_path / "proc/self/fd").st_size


def test_descriptors_are_unknown_without_their_folder(tmp_path: Path) -> None:
    """Other systems than Linux have none."""
    assert Descriptors(lambda: 0, tmp_path).count() is None


class OldKernel:
    """Lists descriptors in a time of its own, and does not tell their number otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
        self.clock = clock
        self.listed = 0
        self.open = 0
        self.takes = 0.0
        monkeypatch.setattr(proc_self.os, "stat", lambda path: os.stat_result((0,) * 10))
        monkeypatch.setattr(proc_self.os, "listdir", self._list)

    def _list(self, path: str) -> list[int]:
        self.listed += 1
        self.clock.advance(self.takes)
        return list(range(self.open + 1))


def test_descriptors_are_listed_the_more_seldom_the_longer_it_takes(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """In between, connections that came and went are added."""
    kernel = OldKernel(monkeypatch, clock)
    connections = 5000
    descriptors = Descriptors(lambda: connections, timer=clock)
    kernel.open, kernel.takes = 5020, 0.005

    assert descriptors.count() == 5020
    connections = 5100
    clock.advance(4.9)
    assert descriptors.count() == 5120
    assert kernel.listed == 1
    clock.advance(0.2)
    assert descriptors.count() == 5020
    assert kernel.listed == 2
