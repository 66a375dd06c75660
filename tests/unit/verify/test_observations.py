from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.verify.observations import Declared, observe


@pytest.fixture
def seen(all_controls, facts):
    """Return what facts say about the control with an id."""

    def find(control, **changes):
        expectation = next(one.expectation for one in all_controls if one.expectation.id == control)
        return observe(replace(expectation, **changes), facts)

    return find


def test_line_tells_file_number_and_text():
    """What people read is enough to open the file at the place."""
    assert str(Declared("/etc/a.conf", 3, "90", "1min 30s")) == "/etc/a.conf line 3 (1min 30s)"


def test_descriptors_of_each_instance_are_reported(seen, facts):
    """How many are open is told for each, or why it cannot be seen."""
    facts["instances"].append({"unit": "", "pid": 9, "descriptors": {"soft": 1}, "listeners": None})

    first, second = seen("hf-fd-005")

    assert (first.actual, first.where) == ("40", "holdfast@1a.service, process 71")
    assert (second.actual, second.where) == (None, "a gateway that no unit started, process 9")
    assert "run as root" in second.reason


def test_listeners_out_of_sight_are_told_from_none(seen, facts):
    """Without rights nothing is known; with them an instance without a port is a finding."""
    instance = facts["instances"][0]
    instance["listeners"] = None
    hidden = seen("hf-accept-003")
    instance["listeners"] = []
    silent = seen("hf-accept-003")

    assert "run as root" in hidden[0].reason
    assert "listens on no port" in silent[0].reason


def test_unit_that_systemd_says_nothing_about_is_unknown(seen, facts):
    """A property that an old systemd lacks has a reason."""
    facts["instances"][0]["properties"]["MemoryMax"] = None

    assert seen("hf-unit-001")[0].reason == "systemd does not tell"


def test_instance_without_a_unit_has_no_properties(seen, facts):
    """In a container there is no unit; why is told."""
    facts["instances"][0]["unit"] = ""
    facts["reasons"]["units"] = "this host has no program systemctl"

    assert [one.reason for one in seen("hf-unit-001")] == ["this host has no program systemctl"]


def test_counter_shows_what_grew_and_says_what_there_was(seen, facts):
    """Since the start is for people, growth is what counts; one that is only looked at shows the sum."""
    facts["counters"]["TcpExtListenOverflows"] = {"total": 900, "grown": 2}
    facts["counters"].pop("TcpExtTCPReqQFullDrop")

    assert seen("hf-accept-008")[0].actual == "2"
    assert "900 since" in seen("hf-accept-008")[0].where
    assert seen("hf-accept-008", mode="report")[0].actual == "900"
    assert "does not count" in seen("hf-accept-009")[0].reason


def test_counter_says_since_when_it_was_watched(seen, facts):
    """Within the check, and why not longer; or since the last one."""
    counter = facts["counters"]["TcpExtListenOverflows"] = {"total": 9, "grown": 0, "seconds": 2, "first": "the first"}
    within = seen("hf-accept-008")[0].where
    counter |= {"grown": 3, "seconds": 3660, "last": True}

    assert within == "the running kernel, 9 since its start, 0 of them within 2 s: the first"
    assert seen("hf-accept-008")[0].where.endswith("3 of them since the last check 61 min ago")


def test_module_is_watched_where_it_is_in_use_or_asked_for(seen, facts):
    """Loaded late its keys come too late; not loaded although a file asks for it is wrong now; else nothing is."""
    modules, files = facts["modules"], facts["module_files"]
    kept = seen("hf-track-001")[0]
    modules["nf_conntrack"] = "built in"
    line = files.pop("nf_conntrack")
    built_in = seen("hf-track-001")[0]
    modules["nf_conntrack"] = "loaded"
    late = seen("hf-track-001")[0]
    modules["nf_conntrack"] = None
    unused = seen("hf-track-001")[0]
    files["nf_conntrack"] = line
    refused = seen("hf-track-001")[0]

    assert (kept.actual, kept.after_start, str(kept.declared)[:25]) == ("loaded", "", "/etc/modules-load.d/holdf")
    assert (built_in.actual, built_in.after_start) == ("loaded", "")
    assert late.after_start == "too late for sysctl.d"
    assert (unused.actual, unused.is_absent) == (None, True)
    assert (refused.actual, "asks for it" in refused.where) == ("not loaded", True)


def test_counter_that_was_read_once_was_not_checked(seen, facts):
    """What cannot be seen to grow is never taken for fine."""
    facts["counters"]["TcpExtListenOverflows"] = {"total": 900, "grown": None}

    (found,) = seen("hf-accept-008")

    assert found.actual is None
    assert "wait" in found.reason


def test_names_that_a_program_does_not_know_have_a_reason(seen, facts):
    """HAProxy and Redis of another version may lack a setting."""
    facts["haproxy"]["info"].clear()
    facts["redis"]["settings"].clear()
    facts["sysfs"].clear()
    facts["modules"].clear()
    facts["module_files"].clear()

    assert "show info" in seen("hf-proxy-001")[0].reason
    assert "CONFIG GET" in seen("hf-redis-001")[0].reason
    assert "has no /sys/kernel/mm" in seen("hf-vm-003")[0].reason
    assert "not loaded" in seen("hf-track-001")[0].reason
