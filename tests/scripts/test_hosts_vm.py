"""Tests of scripts/hosts/vm.py, with QEMU played by a stand-in."""

from __future__ import annotations

import os
import sys
import tarfile

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import guest, vm, vm_image
from hosts.model import HostSet
from hosts.shell import HostsError


@pytest.fixture
def hosts(tmp_path, monkeypatch) -> HostSet:
    """Return a set whose machine has a key."""
    monkeypatch.setattr(os, "chown", lambda *arguments: None)
    monkeypatch.setattr(vm, "run", lambda *words, **options: None)
    made = HostSet("infra", 1, "10.77", tmp_path / "infra")
    keys = guest.host_keys(made, made.host("vm1"))
    keys.mkdir(parents=True)
    (keys / "ssh_host_ed25519_key").write_text("secret")
    return made


def test_identity_fits_on_its_disk_and_says_who_the_machine_is(hosts, tmp_path):
    """Name, keys, address: everything that two machines of one image differ in."""
    host = hosts.host("vm1")

    vm.prepare(tmp_path, hosts, host, "ssh-ed25519 AAAA\n")

    identity = host.folder / "identity"
    assert identity.stat().st_size == vm_image.IDENTITY_BYTES
    # What the machine recognises it by.
    assert identity.read_bytes()[257:262] == b"ustar"
    with tarfile.open(identity) as archive:
        names = archive.getnames()
        network = archive.extractfile("./etc/systemd/network/10-host.network").read().decode()
    assert "Address=10.77.1.41/24\n" in network
    assert "MACAddress=52:54:00:77:01:29\n" in network
    assert {"./etc/hostname", "./etc/ssh/ssh_host_ed25519_key", "./home/deploy/.ssh/authorized_keys"} <= set(names)


def test_identity_that_does_not_fit_is_refused(hosts, tmp_path):
    """A part of it would be another host."""
    with pytest.raises(HostsError, match="larger than the disk"):
        vm.prepare(tmp_path, hosts, hosts.host("vm1"), "x" * vm_image.IDENTITY_BYTES)


def test_machine_goes_on_from_the_frozen_moment(hosts, tmp_path, monkeypatch):
    """It runs in the set's control group, and its link goes with it."""
    host, steps = hosts.host("vm1"), []
    host.folder.mkdir(parents=True)
    monkeypatch.setattr(vm.network, "connect_vm", lambda one: steps.append("connect"))
    monkeypatch.setattr(vm.network, "remove_link", lambda name: steps.append(f"remove {name}"))

    def call(words, **options):
        steps.append("run")
        assert "hf1/vm1/guest" in words[2]
        assert words[-2:] == ["-loadvm", vm_image.FROZEN]
        return 0

    monkeypatch.setattr(vm.subprocess, "call", call)

    assert vm.run_until_end(tmp_path, host) == 0
    assert steps == ["connect", "run", "remove hf1-vm1"]
