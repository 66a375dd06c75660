"""Tests of scripts/hosts/cgroups.py, on a folder that looks like control groups and with a real process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import cgroups
from hosts.shell import HostsError, wait_until


@pytest.fixture
def mount(tmp_path, monkeypatch):
    """Return a machine's control groups: systemd's own tree beside version 1."""
    (tmp_path / "systemd").mkdir()
    (tmp_path / "systemd" / "cgroup.procs").write_text("1\n")
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "cgroup.procs").write_text("1\n")
    monkeypatch.setattr(cgroups, "MOUNT", tmp_path)
    return tmp_path


def test_hierarchies_of_version_1_are_systemds_own(mount):
    """Those that limit memory and the like are left alone."""
    assert cgroups.hierarchies() == [mount / "systemd"]


def test_hierarchy_of_version_2_is_the_only_one(mount):
    """There is one tree."""
    (mount / "cgroup.controllers").write_text("memory\n")

    assert cgroups.hierarchies() == [mount]


def test_processes_are_those_of_the_groups_inside(mount):
    """A container makes groups of its own; 0 stands for a process that cannot be seen."""
    inner = mount / "systemd" / "hf0" / "gw1" / "payload"
    inner.mkdir(parents=True)
    (inner / "cgroup.procs").write_text("11\n12\n0\n")
    (inner.parent / "cgroup.procs").write_text("10\n")

    assert cgroups.processes("hf0") == {10, 11, 12}
    assert cgroups.processes("hf1") == set()


def test_end_kills_what_is_in_the_group(mount):
    """A process ends, and one that waits for its parent counts as ended."""
    process = subprocess.Popen(["sleep", "600"])
    group = mount / "systemd" / "hf0"
    group.mkdir()
    (group / "cgroup.procs").write_text(f"{process.pid}\n")

    # A real group loses its file with itself; here somebody has to stand in for the kernel.
    cgroups._remove, remove = (lambda name: True), cgroups._remove
    try:
        assert cgroups.end("hf0")
    finally:
        cgroups._remove = remove
    assert process.wait(10) == -9


def test_end_removes_the_groups_inside_first(mount):
    """Nothing of it stays."""
    (mount / "systemd" / "hf0" / "gw1" / "payload").mkdir(parents=True)

    assert cgroups.end("hf0")
    assert not (mount / "systemd" / "hf0").exists()


def test_start_returns_at_once_and_leaves_the_program_in_the_group(mount, tmp_path):
    """It is nobody's child, and what it says is in its log."""
    log = tmp_path / "log"
    cgroups.start("hf0/wheels", ["sh", "-c", "echo started"], log)

    assert wait_until(lambda: log.read_text() == "started\n", 60)
    assert (mount / "systemd/hf0/wheels/cgroup.procs").read_text().strip().isdigit()


def test_start_without_a_group_is_refused(mount, tmp_path):
    """A program outside could not be found again."""
    (mount / "systemd" / "hf0").write_text("in the way")

    with pytest.raises(HostsError, match="The control group hf0/wheels could not be made"):
        cgroups.start("hf0/wheels", ["true"], tmp_path / "log")


def test_end_of_a_group_that_is_not_there_is_done(mount):
    """It can be asked for twice."""
    assert cgroups.end("hf7")
