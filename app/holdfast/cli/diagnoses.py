"""How a diagnosis is printed, a table for people or JSON for programs, and how one that a gateway sent is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import columns, result, result_json, terminal_width
from holdfast.diagnostics.findings import Diagnosis, Finding, by_severity, worst

if TYPE_CHECKING:
    from holdfast.cli.place import Place


def show(diagnosis: Diagnosis, *, as_json: bool) -> int:
    """Print a diagnosis and return the command's exit code."""
    if as_json:
        result_json(diagnosis.as_json())
    else:
        result(table(diagnosis, terminal_width()))
    return diagnosis.exit_code


def show_all(diagnoses: Sequence[Diagnosis], *, as_json: bool) -> int:
    """Print several, the worst first and of each what is not fine, and return the exit code of the worst."""
    summary = worst(diagnoses)
    if as_json:
        result_json({"severity": summary.severity, "exit_code": summary.exit_code,
                     "diagnoses": [one.as_json() for one in diagnoses]})  # fmt: skip
    else:
        width = terminal_width()
        result("\n\n".join(_short(one, width) for one in by_severity(_joined(diagnoses))))
    return summary.exit_code


def table(diagnosis: Diagnosis, width: int = 0) -> str:
    """Return the findings in columns, the worst first, and under them what to do about those that are not fine."""
    return "\n\n".join((f"{diagnosis.service}: {diagnosis.severity}", *_parts(by_severity(diagnosis.findings), width)))


def _joined(diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Return the diagnoses, as one those that say the same: mostly that nothing answered."""
    found: dict[tuple[Finding, ...], str] = {}
    for one in diagnoses:
        found[one.findings] = f"{found[one.findings]}, {one.service}" if one.findings in found else one.service
    return [Diagnosis(name, findings) for findings, name in found.items()]


def _short(diagnosis: Diagnosis, width: int) -> str:
    """Return what is not fine, and how many findings are."""
    bad = by_severity(one for one in diagnosis.findings if one.severity != "ok")
    head, count = f"{diagnosis.service}: {diagnosis.severity}", len(diagnosis.findings) - len(bad)
    if count:
        head += f"; fine: {count}, which `holdfast diagnose {diagnosis.service}` shows"
    return "\n\n".join((head, *(_parts(bad, width) if bad else ())))


def _parts(findings: Sequence[Finding], width: int) -> Iterator[str]:
    rows = [(one.severity, one.check, one.summary, one.evidence) for one in findings]
    yield columns(rows, ("SEVERITY", "CHECK", "FOUND", "EVIDENCE"), width)
    # Two findings may have one cure.
    if remedies := dict.fromkeys(
        f"{one.check}: {one.remedy}" for one in findings if one.severity != "ok" and one.remedy
    ):
        yield "\n".join(("What to do:", *(f"  {line}" for line in remedies)))


def asked(place: Place, path: str, body: Mapping[str, Any] | None = None) -> Diagnosis:
    """Return what a running gateway answers to GET `path`, or with a body to POST.

    Raises:
        CliError: nothing can be told.
        RefusedError: the gateway refuses to tell, which is no verdict on what was asked: its exit code is UNKNOWN too.
    """
    from holdfast.cli.admin_client import RefusedError, ask, order

    try:
        return from_json(ask(place, path) if body is None else order(place, path, body))
    except RefusedError as error:
        error.code = Exit.UNKNOWN
        raise


def from_json(answer: Any) -> Diagnosis:
    """Read a diagnosis that a gateway answered.

    Raises:
        CliError: it is none.
    """
    import msgspec

    try:
        return msgspec.convert(answer, Diagnosis)
    except msgspec.ValidationError as error:
        raise CliError(f"the gateway's answer is no diagnosis ({error}): another version?", Exit.UNKNOWN) from None
