from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.profile import HostFacts, load
from holdfast.verify.controls import controls
from holdfast.verify.judge import judge
from holdfast.verify.waivers import Waiver
from tests.unit.verify.rendered import ALL, HOST, facts_of

TODAY = date(2026, 11, 26)
CHECKED = frozenset({"sysctl", "sysfs", "module", "counter", "rlimit", "listener", "unit", "haproxy", "redis"})


@pytest.mark.parametrize("name", ["production", "staging", "local"])
def test_host_that_has_what_is_rendered_complies(name, tmp_path):
    """What each shipped profile renders is judged compliant, by every control."""
    profile = load(name)

    results = judge(controls(profile, HOST), facts_of(profile, tmp_path), today=TODAY)

    assert {one.id: one.status for one in results if one.status != "ok"} == {}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(memory=st.integers(16, 512), cores=st.integers(5, 64), kernel=st.sampled_from(["5.15", "6.1", "6.18"]))
def test_host_of_any_size_that_has_what_is_rendered_complies(production, tmp_path, memory, cores, kernel):
    """Numbers that are calculated for a host are those that it is held against."""
    host = HostFacts(memory * 1024**3, cores, kernel, ALL)

    results = judge(controls(production, host), facts_of(production, tmp_path, host), today=TODAY)

    assert {one.status for one in results} == {"ok"}


def worsen(control, facts):
    """Change the one thing that a control is about, to something that it cannot accept."""
    one = control.expectation
    wrong = {"min": "1", "max": "99999", "exact": "77"}[one.mode]
    if one.key in {"net.ipv4.tcp_mem", "net.ipv4.ip_local_port_range"}:
        wrong = {"net.ipv4.tcp_mem": "1 2 3", "net.ipv4.ip_local_port_range": "32768 60999"}[one.key]
    instance = facts["instances"][0]
    if one.kind in {"sysctl", "sysfs", "module"}:
        facts[{"sysctl": "sysctls", "sysfs": "sysfs", "module": "modules"}[one.kind]][one.key] = wrong
    elif one.kind == "counter":
        facts["counters"][one.key]["grown"] = 1
    elif one.kind == "rlimit":
        instance["descriptors"]["soft"] = 1024
    elif one.kind == "listener":
        instance["listeners"][0]["backlog"] = 128
    elif one.kind == "unit":
        instance["properties"][one.key] = wrong
    elif one.kind == "haproxy":
        facts["haproxy"]["info"][one.key] = wrong
    elif one.kind == "redis":
        facts["redis"]["settings"][one.key] = wrong


def test_any_single_change_is_drift_with_a_name_a_place_and_a_command(all_controls, production, tmp_path):
    """Each control that asks for something finds its own change, and no other control does."""
    asked = [one for one in all_controls if one.expectation.mode != "report"]
    assert {one.expectation.kind for one in asked} == CHECKED
    for control in asked:
        facts = facts_of(production, tmp_path)
        worsen(control, facts)

        found = [one for one in judge(all_controls, facts, today=TODAY) if one.status != "ok"]

        assert [one.id for one in found] == [control.expectation.id]
        assert found[0].status == "drift"
        assert found[0].where
        assert found[0].fix


def test_value_changed_by_hand_is_told_from_a_file_that_wins(result_of, facts):
    """Somebody's `sysctl -w` is not blamed on the file; a file that set it is named with its line."""
    facts["sysctls"]["net.ipv4.tcp_retries2"] = "15"
    by_hand = result_of("hf-dead-004")
    facts["sysctl_files"]["net.ipv4.tcp_retries2"] = {"file": "/etc/sysctl.d/99-x.conf", "line": 3, "value": "15"}
    by_file = result_of("hf-dead-004")

    assert "changed after" in by_hand.where
    assert by_hand.fix == "sysctl -w net.ipv4.tcp_retries2=8"
    assert by_file.where.endswith("/etc/sysctl.d/99-x.conf line 3 (15)")
    assert by_file.fix == (
        "sed -i '3s|.*|net.ipv4.tcp_retries2 = 8|' /etc/sysctl.d/99-x.conf && sysctl -w net.ipv4.tcp_retries2=8"
    )


def test_file_that_brings_another_value_at_the_next_start_is_drift(result_of, facts):
    """What runs is right, and the next boot would not be: said before it happens."""
    facts["sysctl_files"]["net.core.somaxconn"] = {"file": "/etc/sysctl.conf", "line": 1, "value": "128"}

    result = result_of("hf-accept-001")

    assert result.status == "drift"
    assert result.actual.endswith("now, 128 after the next start")
    assert result.where == "/etc/sysctl.conf line 1 (128)"


def test_module_that_a_firewall_loads_too_late_is_drift(result_of, facts):
    """Its limits are the kernel's own again after the next start; a host without it has nothing to limit."""
    line = facts["module_files"].pop("nf_conntrack")
    late = result_of("hf-track-001")
    facts["modules"]["nf_conntrack"] = None
    unused = result_of("hf-track-001")
    facts["module_files"]["nf_conntrack"] = line
    refused = result_of("hf-track-001")

    assert (late.status, late.fix) == ("drift", "echo nf_conntrack >>/etc/modules-load.d/holdfast.conf")
    assert late.actual == "loaded now, too late for sysctl.d after the next start"
    assert unused.status == "not_applicable"
    assert (refused.status, refused.fix) == ("drift", "modprobe nf_conntrack")


def test_default_that_machines_differ_in_is_not_claimed(result_of, facts):
    """What the kernel calculates from memory is no number that could be foretold: said, and no drift."""
    facts["sysctl_files"].clear()

    result = result_of("hf-tcp-002")

    assert result.status == "ok"
    assert "no file of sysctl.d sets it" in result.where
    assert "the machine's memory" in result.where


def test_value_that_no_file_keeps_is_drift_where_the_kernels_own_is_another(result_of, facts):
    """A drop-in that was removed is found although everything still runs as it should."""
    facts["sysctl_files"].clear()

    lost, own = result_of("hf-dead-001"), result_of("hf-accept-004")

    assert lost.status == "drift"
    assert lost.actual == "300 now, 7200 after the next start"
    assert "no file of sysctl.d sets it" in lost.where
    assert own.status == "ok"


def test_drop_in_that_systemd_has_not_read_yet_is_drift(result_of, facts):
    """An edited unit file without daemon-reload counts from the next start on."""
    instance = facts["instances"][0]
    instance["declared"]["LimitNOFILE"] = {"file": "/etc/x.conf", "line": 2, "value": "1024:4096"}
    before = result_of("hf-fd-003")
    instance["needs_reload"] = True

    after = result_of("hf-fd-003")

    assert before.status == "ok"
    assert (after.status, after.where) == ("drift", "/etc/x.conf line 2 (1024:4096)")


def test_worst_instance_decides(result_of, facts):
    """One instance of several that has drifted is drift, and only it is named."""
    facts["instances"].append(
        facts["instances"][0] | {"unit": "holdfast@2a.service", "pid": 72, "descriptors": {"soft": 1024}}
    )

    result = result_of("hf-fd-004")

    assert result.status == "drift"
    assert result.where == "holdfast@2a.service, process 72"
    assert result.fix.startswith("prlimit --pid 72 --nofile=")


def test_optional_thing_that_is_missing_does_not_apply_and_another_is_drift(result_of, facts):
    """A host may lack an optional key; one that it has to have is missed."""
    facts["sysctls"] |= {"net.ipv4.tcp_mem": None, "net.core.somaxconn": None}

    assert result_of("hf-tcp-002").status == "not_applicable"
    assert result_of("hf-accept-001").status == "drift"
    assert "has no net.core.somaxconn" in result_of("hf-accept-001").actual


def test_what_cannot_be_seen_is_unknown_and_not_fine(result_of, facts):
    """No instance, no HAProxy, no Redis, a namespace out of reach: could not check, each with its reason."""
    facts["instances"].clear()
    facts["haproxy"] = {"missing": "no process haproxy runs here"}
    facts.pop("redis")
    facts["reasons"] = {"units": "", "namespace": "run as root"}

    found = {one: result_of(one) for one in ("hf-fd-003", "hf-fd-004", "hf-proxy-001", "hf-redis-001", "hf-dead-001")}

    assert {one.status for one in found.values()} == {"unknown"}
    assert all(one.actual for one in found.values())
    assert result_of("hf-fd-001").status == "ok"


def test_waiver_covers_drift_until_its_day_and_no_longer(all_controls, facts):
    """The day itself still counts; afterwards the drift is back under its own name."""
    facts["sysctls"]["net.ipv4.tcp_retries2"] = "15"
    waiver = Waiver(control="hf-dead-004", hosts="gw*", reason="a switch that loses packets", expires=TODAY)

    def statuses(today, **changes):
        found = judge(all_controls, facts, [waiver.model_copy(update=changes)], today)
        return next(one for one in found if one.id == "hf-dead-004")

    assert statuses(TODAY).status == "waived"
    assert statuses(date(2026, 11, 27)).status == "expired"
    assert statuses(TODAY, hosts="lb*").status == "drift"
    assert "a switch that loses packets" in statuses(TODAY).waiver
    assert statuses(date(2026, 11, 27)).fix


def test_waiver_does_not_hide_what_was_not_checked(all_controls, facts):
    """A waiver is for drift; what nobody could look at stays unknown."""
    facts["redis"] = {"missing": "gone"}
    waiver = Waiver(control="hf-redis-001", reason="put up with for now", expires=date(2099, 1, 1))

    found = next(one for one in judge(all_controls, facts, [waiver], TODAY) if one.id == "hf-redis-001")

    assert found.status == "unknown"


def test_report_is_never_drift(all_controls, facts):
    """What is only looked at is fine whatever it is, and tells its value."""
    facts["sysctls"]["net.ipv4.tcp_rmem"] = "4096 87380 6291456"

    found = next(one for one in judge(all_controls, facts, today=TODAY) if one.id == "hf-tcp-003")

    assert (found.status, found.expected, found.actual) == ("ok", "looked at", "4096 87380 6291456")


def test_limit_without_an_end_is_more_than_any(result_of, facts):
    """`infinity` of systemd and `unlimited` of the kernel satisfy every lower bound, but are no limit of memory."""
    facts["instances"][0]["properties"] |= {"LimitNOFILE": "infinity", "MemoryMax": "infinity"}
    facts["instances"][0]["descriptors"]["soft"] = -1

    assert result_of("hf-fd-003").status == "ok"
    assert (result_of("hf-fd-004").status, result_of("hf-fd-004").actual) == ("ok", "unlimited")
    assert result_of("hf-unit-001").status == "drift"


def test_file_is_there_or_not(all_controls, facts):
    """A control of kind `file` compares whether there is one."""
    control = all_controls[0]
    expectation = replace(control.expectation, kind="file", key="/etc/x", mode="exact", value="absent")
    facts["files"] = {"/etc/x": "present"}

    result = judge([replace(control, expectation=expectation)], facts, today=TODAY)[0]

    assert (result.status, result.fix) == ("drift", "rm /etc/x")
