"""Tests of scripts/deploy/inventory.py."""

from __future__ import annotations

import pytest

import tests.scripts.deploying  # noqa: F401 - makes the next import possible

from deploy.inventory import checked, found_in  # isort: skip
from deploy.problems import DeployError, Exit  # isort: skip
from deploy.target import Target  # isort: skip

LISTED = {
    "_meta": {"hostvars": {"gw1": {"ansible_host": "10.0.0.1", "holdfast_profile": "local"}, "lb1": {}}},
    "gateways": {"children": ["zone_a"]},
    "zone_a": {"hosts": ["gw1"]},
    "load_balancers": {"hosts": ["lb1", "gw1"]},
}


def test_hosts_of_all_groups_are_found_once():
    """Groups of groups are looked through."""
    found = found_in(LISTED)

    assert found.hosts == ["gw1", "lb1"]
    assert found.address("gw1") == "10.0.0.1"
    assert found.address("lb1") == "lb1"


def test_inventory_without_gateways_is_refused():
    """There would be nothing to deploy to."""
    with pytest.raises(DeployError, match="no host in the group `gateways`") as error:
        checked(found_in({"redis": {"hosts": ["r1"]}}), Target("staging"))

    assert error.value.code is Exit.USAGE


def test_shipped_example_is_refused():
    """Its hosts do not exist; the text says where to put one's own."""
    listed = {"gateways": {"hosts": ["gw1.example.net"]}, "_meta": {"hostvars": {}}}

    with pytest.raises(DeployError, match=r"shipped example hosts: gw1\.example\.net"):
        checked(found_in(listed), Target("production"))


def test_every_profile_is_named_once():
    """A host without one counts too."""
    assert found_in(LISTED).profiles == ["local", ""]
