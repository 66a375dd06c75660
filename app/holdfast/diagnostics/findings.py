"""What a diagnosis says: findings with evidence and remedy, and the exit code of the worst of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol, TypeVar

Severity = Literal["ok", "warning", "critical", "unknown"]
"""`unknown` is what could not be checked."""

_EXIT_CODES: Mapping[Severity, int] = {"ok": 0, "warning": 1, "critical": 2, "unknown": 4}
_ORDER: tuple[Severity, ...] = ("ok", "unknown", "warning", "critical")


class _Judged(Protocol):
    @property
    def severity(self) -> Severity: ...


T = TypeVar("T", bound=_Judged)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    `check` names it, stable and in snake_case; where a cause of the code table applies, it is that slug. `evidence`
    is what was measured against what, `remedy` what to do; empty where nothing is to be done.
    """

    check: str
    severity: Severity
    summary: str
    evidence: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What one service found; `facts` are its measurements, as JSON."""

    service: str
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """The worst of the findings."""
        return max((one.severity for one in self.findings), key=_ORDER.index, default="ok")

    def with_findings(self, findings: Iterable[Finding]) -> Diagnosis:
        """Return the same with more findings."""
        return replace(self, findings=(*self.findings, *findings))

    @property
    def exit_code(self) -> int:
        """0 fine, 1 warning, 2 critical, 4 could not check, as design says for every command."""
        return _EXIT_CODES[self.severity]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON for a program."""
        return {"severity": self.severity, "exit_code": self.exit_code, **asdict(self)}


def by_severity(found: Iterable[T]) -> list[T]:
    """Return findings or diagnoses with the worst first, else in their order."""
    return sorted(found, key=lambda one: -_ORDER.index(one.severity))


def worst(diagnoses: Iterable[Diagnosis]) -> Diagnosis:
    """Return all findings as one diagnosis, for its severity and exit code."""
    return Diagnosis("all", tuple(finding for one in diagnoses for finding in one.findings))
