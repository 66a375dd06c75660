"""Tests of scripts/deploy/verify.py."""

from __future__ import annotations

from pathlib import Path

import tests.scripts.deploying  # noqa: F401 - makes the next import possible

from deploy import verify  # isort: skip
from deploy.inventory import Inventory  # isort: skip
from deploy.problems import Exit  # isort: skip
from deploy.target import Target  # isort: skip

CASE = (
    '<testcase name="test_control[gw-1-hf-net-001]"><properties><property name="id" value="hf-net-001"/>'
    '<property name="key" value="net.core.somaxconn"/><property name="status" value="{}"/>'
    '<property name="expected" value="at least 4096"/><property name="actual" value="99"/>'
    '<property name="where" value="/etc/sysctl.d/99-x.conf line 1"/><property name="fix" value="sysctl -w ..."/>'
    "</properties></testcase>"
)
LOST = '<testcase name="test_control[gw-2-hf-net-001]"><error>no route</error></testcase>'


def report(*cases: str) -> str:
    """Return a report of pytest's."""
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


def test_drift_is_shown_with_where_and_fix():
    """Host, control, key, what was expected and came."""
    rows = verify.rows_of(report(CASE.format("drift"), CASE.format("ok")))

    assert verify.table(rows) == [
        "DRIFT   gw-1 hf-net-001 net.core.somaxconn",
        "        expected at least 4096, saw 99",
        "        where: /etc/sysctl.d/99-x.conf line 1",
        "        fix: sysctl -w ...",
        "1 drift, 1 ok",
    ]
    assert verify.code_of(rows) is Exit.FOUND


def test_host_that_could_not_be_checked_is_told_once():
    """However many controls it has; the exit code is another one than that of drift."""
    rows = verify.rows_of(report(LOST, LOST, CASE.format("ok")))

    assert verify.table(rows) == ["UNKNOWN gw-2: no route", "1 ok, 2 unknown"]
    assert verify.code_of(rows) is Exit.UNKNOWN


def test_what_is_waived_or_does_not_apply_is_fine():
    """Nothing at all is not."""
    assert verify.code_of(verify.rows_of(report(CASE.format("waived"), CASE.format("not_applicable")))) is Exit.FINE
    assert verify.code_of([]) is Exit.UNKNOWN


def test_each_host_is_checked_by_its_own_profile_and_waivers():
    """Hosts that share both are one run; one without waivers does not get its neighbour's."""
    variables = {
        "gw1": {"holdfast_profile": "local", "holdfast_waivers": "w.yaml"},
        "gw2": {"holdfast_profile": "local"},
        "gw3": {"holdfast_profile": "local", "holdfast_waivers": "v.yaml"},
        "gw4": {"holdfast_profile": "mine", "holdfast_waivers": "w.yaml"},
        "gw5": {"holdfast_profile": "local", "holdfast_waivers": "w.yaml"},
    }

    found = verify.checks_of(Inventory({"gateways": list(variables)}, variables))

    assert [(one.profile, one.waivers, one.hosts) for one in found] == [
        ("local", "w.yaml", ["gw1", "gw5"]), ("local", "", ["gw2"]), ("local", "v.yaml", ["gw3"]),
        ("mine", "w.yaml", ["gw4"]),
    ]  # fmt: skip


def test_check_is_the_packages_tests_with_what_the_inventory_says():
    """Profile, waivers and hosts; what counters had is kept beside the report, except in the middle of a deploy."""
    target = Target("staging")
    words = verify.command(target, verify.Check("local", "w.yaml", ["gw1", "gw2"]), Path("r.xml"), is_regular=True)
    plain = verify.command(target, verify.Check("local", "", ["gw1"]), Path("r.xml"))

    assert "--hosts=ansible://gw1,ansible://gw2" in words
    assert "--holdfast-profile=local" in words
    assert "--holdfast-waivers=w.yaml" in words
    assert f"--holdfast-state={target.folder / 'counters.json'}" in words
    assert not any("waivers" in word or "state" in word for word in plain)
