"""Tests of scripts/test_hosts.py, the commands; what they do is played by stand-ins."""

from __future__ import annotations

import sys

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import test_hosts as program
from hosts import machine, registry, sets
from hosts.shell import HostsError


@pytest.fixture(autouse=True)
def calls(tmp_path, monkeypatch):
    """Return what the commands did."""
    made: list[tuple[str, ...]] = []
    monkeypatch.setattr(registry, "RECORDS", tmp_path / "run")
    monkeypatch.setattr(program, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(machine, "check", lambda: None)
    monkeypatch.setattr(sets, "up", lambda hosts, names, say: made.append(("up", hosts.name, *names)))
    monkeypatch.setattr(sets, "down", lambda hosts, say: made.append(("down", hosts.name)))
    monkeypatch.setattr(sets, "status", lambda hosts: [(hosts.host("gw1"), "ended")])
    return made


def test_up_makes_the_usual_hosts(calls):
    """Two gateways, HAProxy and Redis."""
    assert program.main(["up"]) == 0
    assert calls == [("up", "local", "gw1", "gw2", "lb1", "redis1")]


def test_up_makes_the_hosts_that_are_named(calls):
    """In the set that is named."""
    assert program.main(["up", "--set", "mine", "gw1"]) == 0
    assert calls == [("up", "mine", "gw1")]


def test_up_makes_the_virtual_machine_too(calls):
    """Once, also where it is named."""
    assert program.main(["up", "--vm", "gw1"]) == 0
    assert program.main(["up", "--vm", "vm1"]) == 0
    assert calls == [("up", "local", "gw1", "vm1"), ("up", "local", "vm1")]


def test_down_of_a_set_that_is_not_there_is_fine(calls):
    """It can be asked for twice."""
    assert program.main(["down"]) == 0
    assert calls == []


def test_down_takes_the_set_that_is_there(calls):
    """By its name."""
    program.main(["up", "--set", "mine"])

    assert program.main(["down", "--set", "mine"]) == 0
    assert calls[-1] == ("down", "mine")


def test_down_of_all_takes_the_sets_of_this_checkout(calls, monkeypatch, tmp_path):
    """Those of another checkout stay."""
    program.main(["up", "--set", "mine"])
    with registry.claimed("theirs", tmp_path / "other"):
        pass

    assert program.main(["down", "--all"]) == 0
    assert calls[1:] == [("down", "mine")]


def test_status_tells_by_its_exit_code_that_a_host_ended(capsys):
    """A pipeline can ask."""
    program.main(["up"])

    assert program.main(["status"]) == 1
    assert "gw1      10.77.0.11     ended" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["status"], ["reboot", "gw1"], ["ssh", "gw1"]])
def test_set_that_is_not_there_is_named(command, capsys):
    """With the command that makes it."""
    assert program.main(command) == 4
    assert "`test_hosts.py up --set local` makes it" in capsys.readouterr().err


def test_machine_that_cannot_is_exit_4(monkeypatch, capsys):
    """One sentence, no traceback."""

    def refuse():
        raise HostsError("Test hosts need root.")

    monkeypatch.setattr(machine, "check", refuse)

    assert program.main(["up"]) == 4
    assert capsys.readouterr().err == "Test hosts need root.\n"


@pytest.mark.parametrize("arguments", [[], ["sideways"], ["reboot"]])
def test_bad_usage_is_exit_3(arguments):
    """As in the other commands."""
    with pytest.raises(SystemExit) as caught:
        program.main(arguments)

    assert caught.value.code == 3
