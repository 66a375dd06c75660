"""Tests of scripts/hosts/access.py; ssh-keygen is real, ssh is not."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts import access
from hosts.model import HostSet
from hosts.shell import HostsError

needs_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is missing")


@pytest.fixture
def hosts(tmp_path) -> HostSet:
    """Return a set with three hosts' folders."""
    made = HostSet("infra", 1, "10.77", tmp_path / "with space")
    for name in ("gw1", "lb1", "peer1"):
        (made.folder / name).mkdir(parents=True)
    return made


@needs_keygen
def test_files_let_ssh_in_without_a_question(hosts):
    """Each host is known by its key, under its name and its address."""
    for host in hosts.made():
        access.make_host_key(hosts, host.name)
    access.write_files(hosts)

    config, known = (hosts.folder / access.CONFIG).read_text(), (hosts.folder / access.KNOWN).read_text()
    assert "Host gw1 10.77.1.11\n  HostName 10.77.1.11\n" in config
    assert f'IdentityFile "{hosts.folder}/key"' in config
    assert "StrictHostKeyChecking yes" in config
    assert known.startswith("gw1,10.77.1.11 ssh-ed25519 ")


@needs_keygen
def test_keys_are_made_once(hosts):
    """A second `up` lets in whom the first let in."""
    assert access.public_key(hosts) == access.public_key(hosts)
    assert (hosts.folder / access.KEY).stat().st_mode & 0o077 == 0


def test_inventory_groups_hosts_by_what_they_are_for(hosts):
    """Ansible finds the groups that the roles are for; it is JSON."""
    found = json.loads(json.dumps(access.inventory(hosts)))["all"]

    assert found["children"]["gateways"]["hosts"] == {"gw1": {"ansible_host": "10.77.1.11"}}
    assert set(found["children"]) == {"gateways", "load_balancers", "others"}
    assert found["vars"]["holdfast_wheels_url"] == "http://10.77.1.1:8077/"


def test_wait_names_the_units_that_failed(hosts, monkeypatch):
    """A host that came up degraded is not ready."""
    monkeypatch.setattr(access, "_greets", lambda address: True)
    monkeypatch.setattr(access, "on", lambda *words, timeout: "degraded\nbad.service loaded failed")

    with pytest.raises(HostsError, match="gw1 came up, but not as it should: expected `running`, got degraded / bad"):
        access.wait(hosts, "gw1", 5)


def test_wait_is_bounded(hosts, monkeypatch):
    """A host that never greets is given up."""
    monkeypatch.setattr(access, "_greets", lambda address: False)

    with pytest.raises(HostsError, match=r"gw1 \(10.77.1.11\) did not let us in"):
        access.wait(hosts, "gw1", 0)
