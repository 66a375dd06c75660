"""Tests of scripts/hosts/machine.py: one sentence for each machine that cannot have hosts."""

from __future__ import annotations

import os
import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import cgroups, machine
from hosts.shell import HostsError


@pytest.fixture(autouse=True)
def good_machine(tmp_path, monkeypatch) -> None:
    """Let everything be there."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(machine.system_packages, "ensure", lambda programs: [])
    monkeypatch.setattr(machine, "succeeds", lambda *words: True)
    monkeypatch.setattr(cgroups, "hierarchies", lambda: [tmp_path])
    (tmp_path / "filesystems").write_text("nodev\toverlay\n\text4\n")
    monkeypatch.setattr(machine, "FILESYSTEMS", tmp_path / "filesystems")


def refusal() -> str:
    """Return why hosts cannot be made."""
    with pytest.raises(HostsError) as caught:
        machine.check()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_machine_with_everything_is_fine():
    """Nothing is said."""
    machine.check()


def test_machine_without_root_is_refused(monkeypatch):
    """The remedy is sudo, or hosts that are there already."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert "need root" in refusal()


def test_machine_without_linux_is_refused(monkeypatch):
    """There are no namespaces elsewhere."""
    monkeypatch.setattr(machine.sys, "platform", "darwin")

    assert "need Linux" in refusal()


def test_machine_without_programs_is_refused(monkeypatch):
    """The packages are named."""
    monkeypatch.setattr(machine.system_packages, "ensure", lambda programs: ["mmdebstrap", "systemd-nspawn"])

    assert "apt-get install mmdebstrap systemd-container" in refusal()


def test_machine_with_another_processor_has_no_virtual_one(monkeypatch):
    """Emulated is what this machine's packages are for; hosts in containers are fine."""
    monkeypatch.setattr(machine.platform, "machine", lambda: "aarch64")

    machine.check()
    with pytest.raises(HostsError, match="needs a processor of x86_64, this is aarch64"):
        machine.check(with_vm=True)


def test_machine_without_namespaces_is_refused(monkeypatch):
    """As in most containers."""
    monkeypatch.setattr(machine, "succeeds", lambda *words: False)

    assert "namespaces, which this machine forbids" in refusal()


def test_machine_without_control_groups_is_refused(monkeypatch):
    """Without them a host's processes could not be found again."""
    monkeypatch.setattr(cgroups, "hierarchies", list)

    assert "need control groups" in refusal()


def test_machine_without_overlay_is_refused(monkeypatch):
    """The remedy is the module."""
    machine.FILESYSTEMS.write_text("ext4\n")

    assert "modprobe overlay" in refusal()
