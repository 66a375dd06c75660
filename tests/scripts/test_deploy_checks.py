"""Tests of scripts/deploy/checks.py."""

from __future__ import annotations

import pytest

from tests.scripts.deploying import event

from deploy import checks  # isort: skip
from deploy.problems import Exit  # isort: skip

FINE = "\n".join([
    "user=deploy", "clock=1000", "init=systemd", "python=3.11.2", "venv=yes", "free /opt=5000", "free /var=5000",
    "free /etc=5000", "free /tmp=5000",
])  # fmt: skip


def logged_in(text: str = FINE, began: float = 1000.2, ended: float = 1000.9):
    """Return the findings of a host that said this."""
    return checks.of_login(event(task="Log in", state="ok", stdout=text, began=began, ended=ended), "ssh gw1 true")


def test_host_that_is_well_has_no_fault():
    """Login, Python, room, clock."""
    assert checks.code_of(logged_in()) is Exit.FINE


@pytest.mark.parametrize(
    ("given", "instead", "name"),
    [
        ("init=systemd", "init=bash", "systemd"),
        ("python=3.11.2", "python=", "python3"),
        ("python=3.11.2", "python=3.6.9", "python3"),
        ("venv=yes", "venv=", "python3"),
        ("free /opt=5000", "free /opt=100", "disk"),
        ("clock=1000", "clock=1100", "clock"),
        ("clock=1000", "clock=900", "clock"),
    ],
)
def test_fault_of_a_host_is_named_with_its_remedy(given, instead, name):
    """One finding, with the host and what to do."""
    found = [one for one in logged_in(FINE.replace(given, instead)) if one.code]

    assert [(one.name, one.host) for one in found] == [(name, "gw1")]
    assert found[0].remedy


def test_gateway_needs_a_newer_python_than_ansible():
    """Found before the roll: the wheel would be refused in the middle of it."""
    login = event(
        task="Log in", state="ok", stdout=FINE.replace("python=3.11.2", "python=3.10.12"), began=999.5, ended=1001.0
    )
    found = [one for one in checks.of_login(login, "ssh gw1 true", checks.OLDEST_OF_GATEWAYS) if one.code]

    assert [one.name for one in found] == ["python3"]
    assert "the gateway needs 3.11" in found[0].remedy
    assert checks.code_of(checks.of_login(login, "ssh gw1 true")) is Exit.FINE


def test_slow_login_is_no_difference_of_clocks():
    """The host's clock was read somewhere between the two moments here."""
    assert checks.code_of(logged_in(began=900.0, ended=1010.0)) is Exit.FINE


def test_host_that_is_not_reached_could_not_be_checked():
    """With the command that has to work first."""
    found = checks.of_login(event(state="ignored unreachable", msg="Connection refused"), "ssh gw1 true")

    assert checks.code_of(found) is Exit.UNKNOWN
    assert "Connection refused" in found[0].said
    assert "ssh gw1 true" in found[0].remedy


def test_user_who_may_not_become_root_is_named():
    """With what sudo said."""
    found = checks.of_root(event(state="ignored", msg="Missing sudo password"))

    assert (found[0].name, found[0].code) == ("sudo", Exit.FOUND)
    assert "Missing sudo password" in found[0].said


def test_package_manager_that_is_busy_is_named():
    """With the process that holds its lock."""
    found = checks.of_root(event(state="ok", stdout="root=0\napt=unattended-upgr 812\n"))

    assert [one.name for one in found if one.code] == ["apt"]
    assert "unattended-upgr 812" in found[1].said


def test_secrets_that_are_no_good_are_named_without_themselves():
    """The role's sentence, and where to give them."""
    found = checks.of_given(event(task="Judge the secrets", state="ignored", msg="api_key is a placeholder"))

    assert found.said == "api_key is a placeholder"
    assert "holdfast_secrets" in found.remedy


def test_missing_tool_could_not_be_checked():
    """And says how to get it."""
    found = checks.of_tools([("python", "3.11", ""), ("ansible-core", "", "run `make infra`")])

    assert [one.code for one in found] == [Exit.FINE, Exit.UNKNOWN]
    assert "make infra" in found[1].line()


def test_bad_usage_comes_before_findings_and_findings_before_doubts():
    """One code for all."""
    assert checks.code_of(checks.Finding("x", "", code=code) for code in (Exit.UNKNOWN, Exit.FOUND)) is Exit.FOUND
    assert checks.code_of(checks.Finding("x", "", code=code) for code in (Exit.FOUND, Exit.USAGE)) is Exit.USAGE


@pytest.mark.parametrize(("count", "faults"), [(0, 0), (1, 0), (2, 1), (3, 0), (5, 0)])
def test_two_hosts_of_redis_are_a_fault(count: int, faults: int):
    """Sentinel needs three; the fault names both and says what to do."""
    found = checks.of_redis([f"redis{number}" for number in range(count)])

    assert len(found) == faults
    assert all(one.code is Exit.USAGE and "redis0, redis1" in one.said and "add one" in one.remedy for one in found)
