from __future__ import annotations

import json

import pytest

from holdfast.cli.program import run
from holdfast.profile import load
from holdfast.verify.collect import document
from tests.unit.verify.rendered import facts_of

ROLES = ("--role", "gateway", "--role", "load_balancer", "--role", "redis")


@pytest.fixture
def facts(tmp_path, monkeypatch):
    """Let the command find a host that has what is rendered, in place of this one."""
    found = facts_of(load("production"), tmp_path)
    monkeypatch.setattr(document, "collect", lambda request: found)
    return found


def test_host_that_complies_exits_0(facts, capsys):
    """Nothing to tell but how many controls there were."""
    assert run(["profile", "check", *ROLES]) == 0
    assert capsys.readouterr().out == ""


def test_drift_is_told_with_place_and_command_and_exits_1(facts, capsys):
    """The table has what was expected, what was seen, who set it and what mends it."""
    facts["sysctls"]["net.ipv4.tcp_retries2"] = "15"

    assert run(["profile", "check", *ROLES]) == 1
    out = capsys.readouterr().out
    assert "hf-dead-004" in out
    assert "sysctl -w net.ipv4.tcp_retries2=8" in out


def test_what_could_not_be_checked_exits_4(facts, capsys):
    """Somebody without rights does not read success."""
    facts["redis"] = {"missing": "gone"}

    assert run(["profile", "check", *ROLES, "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["summary"]["unknown"] == 7


def test_waivers_and_textfile_are_used(facts, tmp_path, capsys):
    """Waived drift is fine, for the metrics too."""
    facts["sysctls"]["net.ipv4.tcp_retries2"] = "15"
    waivers, metrics = tmp_path / "waivers.yaml", tmp_path / "holdfast.prom"
    waivers.write_text("waivers: [{control: hf-dead-004, reason: a switch loses packets, expires: 2099-01-01}]")

    assert run(["profile", "check", *ROLES, "--waivers", str(waivers), "--textfile", str(metrics)]) == 0
    assert 'holdfast_profile_compliant{control="hf-dead-004"} 1' in metrics.read_text()
    assert "waived" in capsys.readouterr().out


def test_state_finds_what_grew_since_the_last_check(facts, tmp_path, capsys):
    """The first one is said to be it; the second finds what came in between."""
    state = tmp_path / "counters.json"
    counter = facts["counters"]["TcpExtListenOverflows"]

    assert run(["profile", "check", *ROLES, "--state", str(state)]) == 0
    counter["total"] += 3
    assert run(["profile", "check", *ROLES, "--state", str(state), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)["results"]
    assert run(["profile", "check", *ROLES, "--state", str(state)]) == 0

    result = next(one for one in found if one["id"] == "hf-accept-008")
    assert (result["status"], result["actual"]) == ("drift", "3")
    assert "since the last check" in result["where"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--role", "gate"), 3, "expected --role of gateway"),
        (("--profile", "none"), 3, "none"),
        (("--waivers", "/none.yaml"), 3, "/none.yaml: No such file"),
        (("--textfile", "/no/such/folder/x.prom"), 4, "expected to write metrics there"),
        (("--state", "/no/such/folder/x.json"), 4, "expected to write what counters had there"),
    ],
)
def test_bad_input_is_named(facts, capsys, arguments, code, said):
    """A role, profile, file or folder that there is not."""
    assert run(["profile", "check", *arguments]) == code
    assert said in capsys.readouterr().err
