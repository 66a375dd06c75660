from __future__ import annotations

import pytest

from holdfast.diagnostics.findings import Diagnosis, Finding, Severity, worst


@pytest.mark.parametrize(
    ("severities", "worst", "code"),
    [
        ((), "ok", 0),
        (("ok",), "ok", 0),
        (("ok", "warning"), "warning", 1),
        (("warning", "critical", "ok"), "critical", 2),
        (("ok", "unknown"), "unknown", 4),
        (("unknown", "warning"), "warning", 1),
    ],
)
def test_worst_finding_decides(severities: tuple[Severity, ...], worst: str, code: int) -> None:
    """What was found counts more than what could not be looked at."""
    diagnosis = Diagnosis("test", tuple(Finding("check", one, "summary") for one in severities))

    assert diagnosis.severity == worst
    assert diagnosis.exit_code == code


def test_json_has_everything() -> None:
    """A program reads what a person sees."""
    shown = Diagnosis("test", (Finding("check", "ok", "summary"),), {"count": 1}).as_json()

    assert shown["severity"] == "ok"
    assert shown["facts"] == {"count": 1}
    assert shown["findings"][0]["check"] == "check"


def test_worst_of_several_decides() -> None:
    """All findings together have the severity of the worst."""
    fine, bad = Diagnosis("a", (Finding("x", "ok", ""),)), Diagnosis("b", (Finding("y", "critical", ""),))

    assert worst([fine, bad]).exit_code == 2
    assert worst([]).exit_code == 0


def test_with_findings_is_the_worst_of_both() -> None:
    """What another look found counts as well."""
    diagnosis = Diagnosis("x", (Finding("a", "ok", "fine"),), {"n": 1})

    assert diagnosis.with_findings([Finding("b", "critical", "bad")]).exit_code == 2
    assert diagnosis.exit_code == 0
