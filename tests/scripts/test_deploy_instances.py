"""Tests of scripts/deploy/instances.py."""

from __future__ import annotations

import stat

from holdfast.cli.ops.inventory import read_inventory
from tests.scripts.deploying import event

from deploy import instances, target  # isort: skip
from deploy.inventory import Inventory  # isort: skip

FOUND = Inventory(
    {"gateways": ["gw1.net"]},
    {
        "gw1.net": {
            "ansible_host": "10.0.0.1", "ansible_user": "deploy", "ansible_port": 2222,
            "ansible_ssh_common_args": "-F '/a b/config' -o ProxyJump=bastion",
        }
    },
)  # fmt: skip
SLOTS = event("gw1.net", "List the slots", "ok", stdout="slot 1b=10.0.0.1:9001\nslot 2a=10.0.0.1:9010\n")


def test_each_enabled_slot_is_an_instance(tmp_path, monkeypatch):
    """The recovery scripts take the file, and find the ssh_config beside it."""
    monkeypatch.setattr(target, "CACHE", tmp_path)
    path = instances.write(target.Target("staging"), FOUND, [SLOTS])
    read = read_inventory(path)

    assert [(one.name, one.url, one.ssh, one.unit) for one in read.instances] == [
        ("gw1-1b", "http://10.0.0.1:9001", "gw1.net", "holdfast@1b.service"),
        ("gw1-2a", "http://10.0.0.1:9010", "gw1.net", "holdfast@2a.service"),
    ]
    assert read.ssh_config == str(path.parent / "ssh_config")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_ssh_knows_load_balancers_and_redis_too(tmp_path, monkeypatch):
    """Runbooks lead to every host of the fleet, not only to those with slots."""
    monkeypatch.setattr(target, "CACHE", tmp_path)
    groups = {"gateways": ["gw1.net"], "load_balancers": ["lb1.net"], "redis": ["redis1.net"]}
    found = Inventory(groups, FOUND.variables | {"lb1.net": {"ansible_host": "10.0.0.21"}})
    path = instances.write(target.Target("staging"), found, [SLOTS])

    said = (path.parent / "ssh_config").read_text()
    assert "Host lb1.net\n  HostName 10.0.0.21" in said
    assert "Host redis1.net\n  HostName redis1.net" in said


def test_ssh_is_told_what_the_inventory_tells_ansible():
    """User, port, and the options of ansible_ssh_common_args."""
    lines = instances.ssh_config(FOUND, ["gw1.net"]).splitlines()

    assert lines[:6] == [
        "Host gw1.net", "  HostName 10.0.0.1", "  User deploy", "  Port 2222", '  Include "/a b/config"',
        "  ProxyJump bastion",
    ]  # fmt: skip
