"""What a probe found: each stage with its outcome and time, one verdict, and what the gateway itself says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from holdfast.codes_stages import Stage
from holdfast.diagnostics.probe.verdict import Verdict

Outcome = Literal["ok", "failed", "skipped"]
# What a gateway calls what a probe sees from the other side.
_SAME: Final[Mapping[str, tuple[str, ...]]] = {
    "proxy_idle_cut": ("client_gone",),
    "connection_cut": ("client_gone",),
    "upgrade_stripped": ("upgrade_required", "bad_handshake"),
}


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage; `facts` are JSON, and the reason where it was skipped."""

    stage: Stage
    outcome: Outcome
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """The whole walk."""

    url: str
    attempt: str
    stages: Sequence[StageReport]
    verdict: Verdict | None
    seconds: float
    proxies: Sequence[str] = ()
    explained: Mapping[str, Any] | None = None

    @property
    def exit_code(self) -> int:
        """0 if all is fine, else that of the stage that failed."""
        return self.verdict.exit_code if self.verdict else 0

    @property
    def is_agreed(self) -> bool | None:
        """Whether the gateway itself names the same cause; None where it said nothing, or nothing went wrong."""
        if self.verdict is None or self.explained is None:
            return None
        slug = self.explained.get("slug")
        return slug == self.verdict.slug or slug in _SAME.get(self.verdict.slug, ())

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON for a program."""
        found = self.verdict
        return {
            "url": self.url,
            "verdict": found.slug if found else "ok",
            "stage": found.stage if found else None,
            "cause": found.cause if found else "",
            "fix": found.fix if found else "",
            "exit_code": self.exit_code,
            "seconds": round(self.seconds, 3),
            "attempt": self.attempt,
            "proxies": list(self.proxies),
            "stages": [
                {"stage": one.stage, "outcome": one.outcome, "seconds": round(one.seconds, 4), "facts": dict(one.facts)}
                for one in self.stages
            ],
            "explained": dict(self.explained) if self.explained is not None else None,
            "agreed": self.is_agreed,
        }
