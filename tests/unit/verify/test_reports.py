from __future__ import annotations

import os
from dataclasses import replace

import pytest

from holdfast.verify import reports
from holdfast.verify.judge import Result

OK = Result("hf-a-001", "a", "sysctl", "ok", "1", "1")
DRIFT = replace(OK, id="hf-a-002", status="drift", actual="2", where="the running kernel", fix="sysctl -w a=1")
WAIVED = replace(DRIFT, id="hf-a-003", status="waived", waiver="a reason (waived until 2027-01-01)")
EXPIRED = replace(WAIVED, id="hf-a-004", status="expired")
UNKNOWN = replace(OK, id="hf-a-005", status="unknown", actual="run as root")
ABSENT = replace(OK, id="hf-a-006", status="not_applicable")
ALL = [OK, UNKNOWN, WAIVED, EXPIRED, DRIFT, ABSENT]


def test_told_is_what_is_not_as_it_should_be_worst_first():
    """Drift, what a waiver no longer covers, what it does, what nobody could see."""
    assert [one.status for one in reports.told(ALL)] == ["drift", "expired", "waived", "unknown"]


def test_exit_code_is_drift_before_unknown():
    """1 for drift, also an expired waiver's; 4 where something could not be checked; waived is fine."""
    assert reports.exit_code(ALL) == 1
    assert reports.exit_code([OK, EXPIRED]) == 1
    assert reports.exit_code([OK, UNKNOWN]) == 4
    assert reports.exit_code([OK, WAIVED, ABSENT]) == 0


def test_sentence_has_expected_actual_where_and_fix():
    """One line says all four, and the reason of a waiver where there is one."""
    assert reports.sentence(DRIFT) == (
        "hf-a-002 a: expected 1, saw 2; set by the running kernel; mend it with: sysctl -w a=1"
    )
    assert reports.sentence(EXPIRED).endswith("sysctl -w a=1; a reason (waived until 2027-01-01)")
    assert reports.sentence(UNKNOWN) == "hf-a-005 a: could not check: run as root"


def test_row_shows_the_reason_in_place_of_the_command():
    """A waived one needs no command; an expired one both."""
    assert reports.row(WAIVED)[-1] == WAIVED.waiver
    assert reports.row(EXPIRED)[-1] == f"{EXPIRED.waiver}; {EXPIRED.fix}"
    assert len(reports.row(DRIFT)) == len(reports.HEAD)


def test_summary_counts_what_there_is():
    """Statuses that nothing has are left out."""
    assert reports.summary([OK, OK, DRIFT, ABSENT]) == "2 ok, 1 drift, 1 not applicable"


def test_json_has_host_summary_and_every_result():
    """A program gets all that a person does."""
    found = reports.as_json(
        [OK, DRIFT], {"host": {"name": "gw1"}, "instances": [{"unit": "a", "pid": 1, "x": 2}]}, "production"
    )

    assert found["host"] == {"name": "gw1"}
    assert found["summary"] == {"ok": 1, "drift": 1}
    assert found["instances"] == [{"unit": "a", "pid": 1}]
    assert found["results"][1]["fix"] == "sysctl -w a=1"


def test_textfile_has_a_line_a_control():
    """Drift is 0, waived 1; what could not be checked has no line of its own and is counted."""
    lines = reports.textfile(ALL, "production", 1000.4).splitlines()

    assert 'holdfast_profile_compliant{control="hf-a-002"} 0' in lines
    assert 'holdfast_profile_compliant{control="hf-a-003"} 1' in lines
    assert 'holdfast_profile_compliant{control="hf-a-004"} 0' in lines
    assert not any("hf-a-005" in line or "hf-a-006" in line for line in lines)
    assert 'holdfast_profile_controls{status="unknown",profile="production"} 1' in lines
    assert "holdfast_profile_check_timestamp_seconds 1000" in lines


def test_textfile_has_what_counters_grew_by():
    """An event of one check, so that it has a metric of its own; what is only looked at has none."""
    grown = replace(DRIFT, id="hf-c-001", kind="counter", expected="at most 0", actual="3")
    looked_at = replace(OK, id="hf-c-002", kind="counter", expected="looked at", actual="900")

    lines = reports.textfile([grown, looked_at, OK], "production", 1.0).splitlines()

    assert [line for line in lines if line.startswith("holdfast_profile_counter_grown")] == [
        'holdfast_profile_counter_grown{control="hf-c-001"} 3'
    ]


def test_gateways_without_a_unit_are_counted():
    """On a host with units somebody started them by hand; in a container there is no other way."""
    facts = {"host": {}, "instances": [{"unit": "holdfast@1a.service", "pid": 7}]}
    assert reports.loose(facts) == ""
    facts["instances"] += [{"unit": "", "pid": 8}, {"unit": "", "pid": 9}]
    assert reports.loose(facts) == "; 2 running without a unit: process 8, 9"
    assert reports.loose(facts | {"host": {"container": "pod"}}) == ""


def test_write_leaves_one_whole_file_that_the_exporter_may_read(tmp_path):
    """No temporary file stays, and the exporter's user can read what is there."""
    path = tmp_path / "holdfast.prom"
    reports.write(str(path), "a 1\n")
    reports.write(str(path), "a 2\n", 0o644)

    assert path.read_text() == "a 2\n"
    assert os.listdir(tmp_path) == ["holdfast.prom"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_write_that_fails_leaves_nothing_behind(tmp_path):
    """A target that cannot be replaced is an error, and no temporary file stays."""
    (tmp_path / "target" / "inside").mkdir(parents=True)

    with pytest.raises(OSError, match="target"):
        reports.write(str(tmp_path / "target"), "a 1\n")

    assert os.listdir(tmp_path) == ["target"]
