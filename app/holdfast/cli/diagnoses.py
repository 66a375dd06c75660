"""How a diagnosis is printed: a table for people, or JSON for programs."""

from __future__ import annotations

from holdfast.cli.output import columns, result, result_json
from holdfast.diagnostics.findings import Diagnosis


def show(diagnosis: Diagnosis, *, as_json: bool) -> int:
    """Print a diagnosis and return the command's exit code."""
    if as_json:
        result_json(diagnosis.as_json())
    else:
        result(table(diagnosis))
    return diagnosis.exit_code


def table(diagnosis: Diagnosis) -> str:
    """Return the findings in columns, and under them what to do about those that are not fine."""
    rows = [(one.severity, one.check, one.summary, one.evidence) for one in diagnosis.findings]
    text = f"{diagnosis.service}: {diagnosis.severity}\n\n" + columns(rows, ("SEVERITY", "CHECK", "FOUND", "EVIDENCE"))
    remedies = [f"{one.check}: {one.remedy}" for one in diagnosis.findings if one.severity != "ok" and one.remedy]
    return "\n".join((text, "", "What to do:", *(f"  {line}" for line in remedies))) if remedies else text
