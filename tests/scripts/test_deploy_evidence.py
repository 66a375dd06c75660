"""Tests of scripts/deploy/evidence.py."""

from __future__ import annotations

import yaml

from tests.contract.source import ROOT
from tests.scripts.deploying import event

from deploy import evidence  # isort: skip
from deploy.commands import STAYS  # isort: skip
from deploy.playbooks import Play  # isort: skip
from deploy.problems import Exit  # isort: skip
from deploy.target import Target  # isort: skip


def failed(monkeypatch, tmp_path, *events):
    """Return the error of a play with these events, on a host whose journal has one line."""
    monkeypatch.setattr(evidence, "journal", lambda target, host: ["gateway: broker: refused"])
    log = tmp_path / "deploy.log"
    log.write_text("ERROR! no such file\n")
    return evidence.failure(Target("staging"), Play("deploy", 2, log, list(events)), "make deploy ENV=staging")


def test_failure_names_host_task_reason_and_journal(monkeypatch, tmp_path):
    """And what to do next."""
    error = failed(monkeypatch, tmp_path, event(task="Start the slot", state="failed", msg="slot 1b ended with 7"))

    assert error.cause == "deploy failed on gw1"
    assert error.code is Exit.FOUND
    assert error.text().splitlines() == [
        "Failed: deploy failed on gw1", "  | gw1: kernel_tuning: Start the slot: failed", "  |   slot 1b ended with 7",
        "  | gw1: gateway: broker: refused", f"  | log: {tmp_path / 'deploy.log'}", "Next: make deploy ENV=staging",
    ]  # fmt: skip


def test_host_that_was_not_reached_is_not_asked_for_its_journal(monkeypatch, tmp_path):
    """It would not answer that either."""
    error = failed(monkeypatch, tmp_path, event(state="unreachable", msg="timed out"))

    assert error.code is Exit.UNKNOWN
    assert "broker" not in error.text()


def test_connection_that_was_lost_is_told_from_a_host_that_was_not_reached(monkeypatch, tmp_path):
    """In its middle a task may have been done; before it nothing was."""
    before = "Failed to connect to the host via ssh: ssh: connect to host gw1 port 22: No route to host"
    amid = "Failed to connect to the host via ssh: Shared connection to gw1 closed."

    assert "may have been done" not in failed(monkeypatch, tmp_path, event(state="unreachable", msg=before)).text()
    assert "may have been done" in failed(monkeypatch, tmp_path, event(state="unreachable", msg=amid)).text()


def test_playbook_that_did_not_begin_shows_the_end_of_its_log(monkeypatch, tmp_path):
    """Ansible's own words, where no host came to a task."""
    assert "ERROR! no such file" in failed(monkeypatch, tmp_path).text()


def test_rollback_without_a_release_before_is_told_from_other_failures(tmp_path):
    """Its next command is another one: running it again would change nothing."""
    nothing = event(task=evidence.NOTHING_BEFORE, state="failed")
    other = event(task="Start the slot", state="failed")

    def is_it(*events):
        return evidence.has_nothing_before(Play("rollback_gateways", 2, tmp_path / "log", list(events)))

    assert is_it(nothing)
    assert not is_it(nothing, other)
    assert not is_it()
    assert not evidence.is_on_host(nothing)
    assert evidence.is_on_host(other)


def test_names_of_tasks_are_those_of_the_roles():
    """A task that is given another name there would no longer be known here."""
    roles = ROOT / "ansible" / "collections" / "ansible_collections" / "holdfast" / "gateway" / "roles"
    names = [task["name"] for path in roles.glob("*/tasks/*.yml") for task in yaml.safe_load(path.read_text())]

    assert evidence.NOTHING_BEFORE in names
    for beginning in evidence.BEFOREHAND:
        assert any(name.startswith(beginning) for name in names), beginning
    assert STAYS in names


def test_journal_comes_without_ansibles_heading():
    """Its lines alone."""
    assert evidence.journal_lines(["gw1 | CHANGED | rc=0 >>", "2026-11-26 gw1 holdfast: x", ""]) == [
        "2026-11-26 gw1 holdfast: x"
    ]
