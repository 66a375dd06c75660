"""Tests of scripts/deploy/cli.py and the commands behind it; playbooks are played by stand-ins."""

from __future__ import annotations

import json
import signal
import subprocess
from dataclasses import dataclass, field

import pytest

from tests.scripts.deploying import event

from deploy import audit, checks, cli, commands, doctor, evidence, inventory, playbooks, target, verify  # isort: skip
from deploy.problems import Exit  # isort: skip


@dataclass
class World:
    """What commands did, and how what they call shall end."""

    calls: list[str] = field(default_factory=list)
    fails: str = ""
    findings: list[checks.Finding] = field(default_factory=list)
    drift: Exit = Exit.FINE
    stays: str = ""
    has_changes: bool = True


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Let every playbook, the doctor and the checks be played."""
    made = World()

    def play(self, name, *options, variables=None, quiet=False):
        made.calls.append(" ".join([name, *options, *(f"{key}={value}" for key, value in (variables or {}).items())]))
        log = tmp_path / "log"
        log.touch()
        changes = [event(state="changed" if made.has_changes else "ok")]
        bad = [event(state="failed", task="Judge it", msg="no")]
        if made.stays and name == "rollback_gateways":
            changes = [event(made.stays, commands.STAYS, "ok", msg="came later")]
        return playbooks.Play(name, int(name == made.fails), log, bad if name == made.fails else changes)

    hosts = inventory.Inventory({"gateways": ["gw1", "gw2"]}, {})
    monkeypatch.setattr(target, "CACHE", tmp_path)
    monkeypatch.setattr(audit, "LOG", tmp_path / "audit.log")
    monkeypatch.setattr(commands.Runner, "play", play)
    monkeypatch.setattr(inventory, "read", lambda target: hosts)
    monkeypatch.setattr(doctor, "examine", lambda runner: made.findings)
    monkeypatch.setattr(evidence, "journal", lambda target, host: [])
    monkeypatch.setattr(verify, "run", lambda target, say: made.calls.append("verify") or made.drift)
    return made


def run(*words: str) -> int:
    """Run a command on staging, confirmed."""
    return cli.main([*words, "--environment", "staging", "--confirm", "staging"])


def test_deploy_goes_through_its_stages_in_order(world, capsys):
    """Looked at, tuned, rolled, verified, tried; the end says the way back and the times."""
    assert run("deploy") == 0
    assert sorted(world.calls[:2]) == ["deploy --check --diff", "site --check --diff"]
    assert world.calls[2:] == ["site", "deploy", "slots", "verify", "smoke"]
    said = capsys.readouterr().out
    assert "Back: make rollback ENV=staging" in said
    assert "in all" in said


def test_deploy_that_is_not_confirmed_changes_nothing(world, capsys):
    """The plan was shown; exit code 3, and the command that would."""
    assert cli.main(["deploy", "--environment", "production"]) == 3
    assert all("--check" in call for call in world.calls)
    assert "Next: make deploy ENV=production CONFIRM=production" in capsys.readouterr().err


def test_deploy_that_changes_nothing_needs_no_confirmation(world):
    """A pipeline may run it every night."""
    world.has_changes = False

    assert cli.main(["deploy", "--environment", "production"]) == 0


def test_deploy_stops_where_the_doctor_finds_something(world, capsys):
    """Before anything is looked at any further."""
    world.findings = [checks.Finding("sudo", "did not give root", "let it", "gw1", Exit.FOUND)]

    assert run("deploy") == 1
    assert world.calls == []
    assert "not ready, nothing was changed: gw1: sudo" in capsys.readouterr().err


def test_deploy_that_fails_says_host_reason_and_next_command(world, capsys):
    """And the audit log has it."""
    world.fails = "deploy"

    assert run("deploy") == 1
    error = capsys.readouterr().err
    assert "Failed: deploy failed on gw1" in error
    assert "make deploy ENV=staging goes on where it stopped" in error


def test_drift_after_a_deploy_is_its_result(world):
    """Not taken for well."""
    world.drift = Exit.FOUND

    assert run("deploy") == 1
    assert "smoke" not in world.calls


def test_rollback_takes_the_version_or_the_tuning(world):
    """The tuning only where it is asked for."""
    assert run("rollback") == 0
    assert run("rollback", "--tuning") == 0
    assert [call.partition(" ")[0] for call in world.calls] == ["rollback_gateways", "smoke", "slots", "rollback"]


def test_drain_takes_one_host_and_brings_it_back(world, capsys):
    """A host that is none is named with those that are."""
    assert run("drain", "--host", "gw1") == 0
    assert run("undrain", "--host", "gw1") == 0
    assert world.calls == [
        "drain --limit gw1 gateway_drain_state=drained",
        "drain --limit gw1 gateway_drain_state=serving",
    ]
    assert run("drain", "--host", "gw9") == 3
    assert "expected one of gw1, gw2, got 'gw9'" in capsys.readouterr().err


def test_restart_that_was_cut_off_goes_on(world):
    """Instances that began after its beginning are left alone; the next one begins anew."""
    world.fails = "restart"
    assert run("restart") == 1
    world.fails = ""
    assert run("restart") == 0
    assert run("restart") == 0
    restarts = [call for call in world.calls if call.startswith("restart")]

    assert len(restarts) == 3
    assert restarts[0] == restarts[1]


def test_restart_that_was_cut_off_long_ago_begins_anew(world, tmp_path):
    """Or it would leave alone whatever began since then, and say that all was restarted."""
    world.fails = "restart"
    run("restart")
    place = tmp_path / "deploy" / "staging" / "restart.json"
    place.write_text(json.dumps({"since": 1000}))
    run("restart")

    assert json.loads(place.read_text())["since"] > 1000


@pytest.mark.parametrize("command", ["drain", "undrain"])
def test_host_is_neither_taken_out_nor_brought_back_unconfirmed(world, capsys, command):
    """Production loses a host's share, or gets back one that somebody may be working on."""
    assert cli.main([command, "--host", "gw1", "--environment", "production"]) == 3
    assert world.calls == []
    assert f"Next: make {command} ENV=production HOST=gw1 CONFIRM=production" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("rollback",), ("restart",), ("rollback", "--tuning")])
def test_command_that_is_not_confirmed_is_the_one_to_repeat(world, capsys, words):
    """Whoever goes back is not told to deploy."""
    assert cli.main([*words, "--environment", "production"]) == 3
    assert world.calls == []
    more = " TUNING=1" if "--tuning" in words else ""
    assert f"Next: make {words[0]} ENV=production{more} CONFIRM=production" in capsys.readouterr().err


def test_rollback_that_was_cut_off_goes_on_under_its_name(world, capsys):
    """So that hosts which are back already go no further; one that is through, or a deploy, ends that."""
    world.fails = "rollback_gateways"
    assert run("rollback") == 1
    assert "make rollback ENV=staging goes on where it stopped" in capsys.readouterr().err
    assert run("rollback") == 1
    world.fails = ""
    assert run("deploy") == 0
    rollbacks = [call for call in world.calls if call.startswith("rollback")]

    assert rollbacks[0] == rollbacks[1]
    assert "gateway_deploy_id=20" in rollbacks[0]
    assert "Going on with the rollback" in capsys.readouterr().out
    assert run("rollback") == 0
    assert "Going on" not in capsys.readouterr().out


def test_rollback_names_hosts_that_stay(world, capsys):
    """A host that never had the target is no success: exit code 1, why, and what to do about it."""
    world.stays = "gw2"

    assert run("rollback") == 1
    error = capsys.readouterr().err
    assert "not all hosts have gone back: gw2" in error
    assert "gw2: came later" in error
    assert "Next: make drain ENV=staging HOST=gw2" in error
    assert [call.partition(" ")[0] for call in world.calls] == ["rollback_gateways", "smoke", "slots"]


@pytest.mark.parametrize("failing", ["smoke", "slots"])
def test_failure_behind_a_rollback_does_not_lead_forward(world, capsys, failing):
    """A deploy would bring back the version that was given up."""
    world.fails = failing

    assert run("rollback") == 1
    assert "make deploy" not in capsys.readouterr().err


def test_every_command_leaves_a_line_in_the_audit_log(world, tmp_path):
    """Also one that failed."""
    run("plan")
    world.fails = "smoke"
    run("rollback")
    lines = [json.loads(line) for line in (tmp_path / "audit.log").read_text().splitlines()]

    assert [(line["what"], line["result"]) for line in lines] == [
        ("plan", "fine"),
        ("rollback", "found: smoke failed on gw1"),
    ]


@pytest.mark.parametrize(
    "error", [PermissionError(13, "Permission denied", "lock"), subprocess.TimeoutExpired("ansible-inventory", 120)]
)
def test_what_the_machine_refuses_is_no_finding(world, monkeypatch, capsys, error):
    """Exit code 4 and a sentence: a pipeline would take 1 for drift."""

    def refuse(target):
        raise error

    monkeypatch.setattr(inventory, "read", refuse)

    assert run("verify") == 4
    assert str(error) in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_end_of_a_session_is_an_interrupt(number):
    """Which ends Ansible too; but one that was told to be ignored, as by nohup, stays so."""
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)}
    try:
        cli.heed_signals()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.signal(number, signal.SIG_IGN)
        cli.heed_signals()
        signal.raise_signal(number)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def test_unknown_command_is_bad_usage():
    """Exit code 3, as everywhere."""
    with pytest.raises(SystemExit) as end:
        cli.main(["destroy"])

    assert end.value.code == 3
