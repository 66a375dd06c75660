"""Tests of scripts/hosts/guest.py, with systemd-nspawn played by a stand-in."""

from __future__ import annotations

import os
import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import guest
from hosts.model import HostSet


@pytest.fixture
def hosts(tmp_path, monkeypatch) -> HostSet:
    """Return a set whose hosts have keys, on a machine where files may be given away."""
    monkeypatch.setattr(os, "chown", lambda *arguments: None)
    made = HostSet("infra", 1, "10.77", tmp_path / "a set, of: hosts")
    keys = guest.host_keys(made, made.host("gw1"))
    keys.mkdir(parents=True)
    (keys / "ssh_host_ed25519_key").write_text("secret")
    return made


def test_host_is_told_who_it_is(hosts):
    """Its name, who may log in and what it proves itself with."""
    host = hosts.host("gw1")

    guest.prepare(hosts, host, "ssh-ed25519 AAAA\n")

    upper = host.folder / "upper"
    assert (upper / "etc/hostname").read_text() == "gw1\n"
    assert "127.0.1.1 gw1\n" in (upper / "etc/hosts").read_text()
    assert "10.77.1.31 redis1\n" in (upper / "etc/hosts").read_text()
    assert (upper / "home/deploy/.ssh/authorized_keys").read_text() == "ssh-ed25519 AAAA\n"
    assert (upper / "etc/ssh/ssh_host_ed25519_key").read_text() == "secret"


def test_host_that_is_new_has_nothing_of_the_one_before(hosts):
    """What was installed on it is gone, and its identity is another."""
    host = hosts.host("gw1")
    guest.prepare(hosts, host, "")
    first = (host.folder / "upper/etc/machine-id").read_text()
    (host.folder / "upper/etc/left").write_text("")

    guest.prepare(hosts, host, "")

    assert not (host.folder / "upper/etc/left").exists()
    assert (host.folder / "upper/etc/machine-id").read_text() != first


def test_host_is_mounted_only_for_its_own_processes(hosts, tmp_path):
    """A mount namespace ends with them; folders with commas and colons are no options of the mount."""
    command = guest.boot_command(tmp_path / "base", hosts.host("gw1"))

    assert command[:4] == ["unshare", "--mount", "--propagation", "slave"]
    assert r"a set\, of\: hosts/gw1/upper" in command[-1]
    assert "--network-namespace-path=/run/netns/hf1-gw1" in command[-1]


def test_host_boots_again_whenever_it_asks_for_it(hosts, tmp_path, monkeypatch):
    """Each boot gets a new network namespace, and the end takes it away."""
    host = hosts.host("gw1")
    host.folder.mkdir()
    steps: list[str] = []
    codes = iter([guest.REBOOT, guest.REBOOT, 0])
    monkeypatch.setattr(guest.network, "connect", lambda one: steps.append("connect"))
    monkeypatch.setattr(guest.network, "disconnect", lambda one: steps.append("disconnect"))

    def call(command, **options):
        steps.append("boot")
        assert options["env"]["SYSTEMD_NSPAWN_API_VFS_WRITABLE"] == "network"
        return next(codes)

    monkeypatch.setattr(guest.subprocess, "call", call)

    assert guest.run_until_end(tmp_path, host) == 0
    assert steps == ["connect", "boot"] * 3 + ["disconnect"]


def test_last_words_are_the_end_of_the_console(hosts):
    """A host that does not come up has said why."""
    host = hosts.host("gw1")
    assert "nothing" in guest.last_words(host)

    host.folder.mkdir()
    host.log.write_text("".join(f"line {number}\n" for number in range(100)))

    assert guest.last_words(host).splitlines()[-1] == "line 99"
    assert len(guest.last_words(host).splitlines()) == guest.LOG_TAIL_LINES
