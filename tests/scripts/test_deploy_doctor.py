"""Tests of scripts/deploy/doctor.py; hosts are played by events."""

from __future__ import annotations

import pytest

from tests.scripts.deploying import event

from deploy import checks, doctor, inventory, target  # isort: skip
from deploy.playbooks import Play, Runner  # isort: skip
from deploy.problems import Exit  # isort: skip

HOSTS = inventory.Inventory(
    {"gateways": ["gw1", "gw2"]}, {"gw1": {"ansible_user": "deploy", "holdfast_profile": "local"}}
)


@pytest.fixture
def runner(tmp_path, monkeypatch):
    """Return a runner whose hosts say this."""
    log = tmp_path / "log"
    log.write_text("nothing\n")
    events = [
        event("gw1", "Log in", "ignored unreachable", msg="timed out"),
        event("gw1", "Judge the secrets", "ignored", msg="api_key is missing"),
    ]
    monkeypatch.setattr(Runner, "play", lambda self, name, quiet: Play(name, 0, log, events))
    monkeypatch.setattr(inventory, "read", lambda target: HOSTS)
    monkeypatch.setattr(doctor, "tools", lambda: [checks.Finding("python", "3.11")])
    return Runner(target.Target("staging"), print)


def test_hosts_and_secrets_are_judged_and_silent_hosts_named(runner):
    """In the order of the inventory, what is of no host first."""
    found = [(one.host, one.name, one.code) for one in doctor.of_hosts(runner, HOSTS)]

    assert found == [
        ("", "secrets", Exit.FOUND), ("gw1", "SSH", Exit.UNKNOWN), ("gw2", "SSH", Exit.UNKNOWN),
    ]  # fmt: skip


def test_gateway_with_an_interpreter_of_its_own_is_not_held_to_the_host_s():
    """Only gateways run on the host's Python."""
    groups = {"gateways": ["gw1", "gw2"], "load_balancers": ["lb1"], "redis": []}
    found = inventory.Inventory(groups, {"gw2": {"gateway_python": "/usr/bin/python3.12"}})

    assert [doctor._oldest(found, host)[1] for host in ("gw1", "gw2", "lb1")] == [11, 9, 9]


def test_profile_that_is_no_good_ends_before_hosts_are_asked(runner, monkeypatch):
    """A contradiction is bad usage."""
    monkeypatch.setattr(doctor, "profile", lambda name: checks.Finding("profile", "x", "correct it", code=Exit.USAGE))

    assert [one.name for one in doctor.examine(runner)][-1] == "profile"


def test_local_hosts_that_are_not_made_yet_are_no_fault(runner, monkeypatch, tmp_path):
    """The deploy makes them; where it cannot, that is said instead."""
    monkeypatch.setattr(target, "CACHE", tmp_path)
    monkeypatch.setattr(doctor, "can_make_hosts", lambda: None)
    local = Runner(target.Target(set_name="none"), print)
    assert checks.code_of(doctor.examine(local)) is Exit.FINE

    fault = checks.Finding("test hosts", "Test hosts need root", "or", code=Exit.UNKNOWN)
    monkeypatch.setattr(doctor, "can_make_hosts", lambda: fault)
    assert checks.code_of(doctor.examine(local)) is Exit.UNKNOWN
