"""Tests of scripts/deploy/target.py."""

from __future__ import annotations

import pytest

import tests.scripts.deploying  # noqa: F401 - makes the next import possible

from deploy.problems import DeployError, Exit  # isort: skip
from deploy.target import Target, target_of  # isort: skip


def test_local_makes_its_hosts_unless_an_inventory_is_given(tmp_path):
    """Hosts of one's own are never mixed with test hosts."""
    own = tmp_path / "hosts.yml"
    own.touch()

    assert target_of("local").makes_hosts
    assert not target_of("local", str(own)).makes_hosts
    assert target_of("local", str(own)).inventories == [own]
    assert not target_of("production").makes_hosts


def test_environment_that_does_not_exist_is_refused_by_name():
    """With those that do."""
    with pytest.raises(DeployError, match="expected one of local, staging, production, got 'prod'") as error:
        target_of("prod")

    assert error.value.code is Exit.USAGE


@pytest.mark.parametrize("name", ["production", "../other", ""])
def test_name_of_a_set_is_no_other_folder(name):
    """Test hosts never write over what production's recovery scripts are given."""
    with pytest.raises(DeployError, match="SET: expected") as error:
        target_of("local", set_name=name)

    assert error.value.code is Exit.USAGE


def test_inventory_that_is_not_there_is_refused_by_name(tmp_path):
    """Before Ansible would take it for a host pattern."""
    with pytest.raises(DeployError, match=r"nowhere\.yml is not there"):
        target_of("staging", str(tmp_path / "nowhere.yml"))


def test_next_commands_name_what_was_named():
    """They can be copied."""
    assert Target("staging").command("rollback", "TUNING=1") == "make rollback ENV=staging TUNING=1"
    assert Target(set_name="mine").command("deploy") == "make deploy ENV=local SET=mine"


def test_home_of_nobody_is_refused_by_name():
    """`~name` of a user that this machine lacks."""
    with pytest.raises(DeployError, match="INVENTORY: there is no user ~nobody-of-that-name") as error:
        target_of("staging", "~nobody-of-that-name/hosts.yml")

    assert error.value.code is Exit.USAGE
