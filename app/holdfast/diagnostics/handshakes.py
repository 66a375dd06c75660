"""What handshakes tell: where and why attempts fail, and how long each stage takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from holdfast.codes import CODES
from holdfast.codes_stages import STAGES
from holdfast.connections.records import RefusedAttempt
from holdfast.connections.timings import STAGES as TIMED_STAGES
from holdfast.connections.timings import StageSeconds
from holdfast.diagnostics.findings import Finding, Severity

FEWEST_ATTEMPTS: Final = 20
"""Refused attempts below which only a share of half of all says something."""
FEWEST_TIMED: Final = 20
SLOW_SECONDS: Final[Mapping[str, float]] = {"upgrade": 0.5, "first_command": 5.0, "token": 0.5, "connect": 0.5}
"""From where the p95 of a stage is worth a warning."""

_SLOW_REMEDY: Final[Mapping[str, str]] = {
    "upgrade": "Look at the loop's lag and the CPU: the gateway is late to answer. TLS of newcomers costs CPU.",
    "first_command": "Look at the network between clients and gateway, and for a proxy that holds back messages.",
    "token": "Look at what tokens need: the JWKS endpoint, or the connect proxy (`holdfast_proxy_call_seconds`).",
    "connect": "Look at what server-side channels need: broker, history, the subscribe proxy.",
}
_WARNING_SHARE: Final = 0.05
_CRITICAL_SHARE: Final = 0.5
_CAUSE_SHARE: Final = 0.01
_FEWEST_OF_A_CAUSE: Final = 5


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause of refusals: how many, and the newest."""

    stage: str
    slug: str
    count: int
    newest: RefusedAttempt


def causes_of(refused: Sequence[RefusedAttempt]) -> list[Cause]:
    """Return the causes, by stage in their order, the most frequent first."""
    by_cause: defaultdict[tuple[str, str], list[RefusedAttempt]] = defaultdict(list)
    for one in refused:
        by_cause[one.stage, one.slug].append(one)
    found = [
        Cause(stage, slug, len(attempts), max(attempts, key=lambda one: one.at))
        for (stage, slug), attempts in by_cause.items()
    ]
    return sorted(found, key=lambda one: (_place(one.stage), -one.count, one.slug))


def failure_findings(refused: Sequence[RefusedAttempt], opened: int) -> list[Finding]:
    """Return what to say of attempts that failed, where `opened` others got their session."""
    attempts = len(refused) + opened
    if not refused:
        return [Finding("handshake_failures", "ok", "No handshake failed.", f"{attempts} attempts")]
    share = len(refused) / attempts
    overall: Severity = "ok"
    if len(refused) >= FEWEST_ATTEMPTS and share >= _WARNING_SHARE:
        overall = "critical" if share >= _CRITICAL_SHARE else "warning"
    elif len(refused) >= _FEWEST_OF_A_CAUSE and share >= _CRITICAL_SHARE:
        overall = "warning"  # a gateway that nobody gets into, just after its start
    evidence = f"{len(refused)} of {attempts} attempts ({share:.1%})"
    causes = causes_of(refused)
    worst = max(causes, key=lambda one: one.count)
    many = "Some" if overall == "ok" else "Many"
    text = f"{many} handshakes failed, most of them at the stage {worst.stage}: {worst.slug}."
    first = Finding("handshake_failures", overall, text, evidence, _remedy(worst.slug))
    return [first, *(_cause(one, attempts) for one in causes)]


def failure_facts(refused: Sequence[RefusedAttempt], opened: int) -> dict[str, Any]:
    """Return counts, shares and newest examples by stage and cause."""
    attempts = len(refused) + opened
    return {
        "attempts": attempts,
        "refused": len(refused),
        "causes": [
            {
                "stage": one.stage,
                "slug": one.slug,
                "count": one.count,
                "share": round(one.count / attempts, 4),
                "newest": {
                    "attempt": one.newest.attempt,
                    "at": one.newest.at,
                    "address": one.newest.address,
                    "transport": one.newest.transport,
                    "detail": one.newest.detail,
                },
                "remedy": _remedy(one.slug),
            }
            for one in causes_of(refused)
        ],
    }


def percentiles(timed: Sequence[StageSeconds]) -> dict[str, dict[str, float]]:
    """Return p50, p95 and p99 of each stage, in seconds; stages that nobody measured are left out."""
    found: dict[str, dict[str, float]] = {}
    for index, stage in enumerate(TIMED_STAGES):
        values = sorted(one[index] for one in timed if one[index] >= 0)
        if values:
            ranks = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
            found[stage] = {"count": len(values)} | {name: _at(values, rank) for name, rank in ranks.items()}
    return found


def timing_findings(timed: Sequence[StageSeconds]) -> list[Finding]:
    """Return which stages are slow."""
    found: list[Finding] = []
    for stage, ranks in percentiles(timed).items():
        if ranks["count"] < FEWEST_TIMED or ranks["p95"] < SLOW_SECONDS[stage]:
            continue
        evidence = f"p50 {ranks['p50']:.3f} s, p95 {ranks['p95']:.3f} s, p99 {ranks['p99']:.3f} s"
        text = f"The stage {stage} of handshakes is slow."
        found.append(Finding(f"slow_{stage}", "warning", text, evidence, _SLOW_REMEDY[stage]))
    if found:
        return found
    text = "Handshakes are quick in every stage." if len(timed) >= FEWEST_TIMED else "Few handshakes were timed."
    return [Finding("handshake_stages", "ok", text, f"the latest {len(timed)} connects")]


# Private functions


def _place(stage: str) -> int:
    return next((place for place, known in enumerate(STAGES) if known == stage), len(STAGES))


def _remedy(slug: str) -> str:
    return CODES[slug].remedy if slug in CODES else ""


def _cause(cause: Cause, attempts: int) -> Finding:
    newest = cause.newest
    moment = datetime.fromtimestamp(newest.at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    detail = f" ({newest.detail})" if newest.detail else ""
    evidence = (
        f"{cause.count} times, {cause.count / attempts:.1%} of attempts; newest {moment} from {newest.address}, "
        f"attempt {newest.attempt}{detail}"
    )
    code = CODES.get(cause.slug)
    is_many = cause.count >= _FEWEST_OF_A_CAUSE and cause.count >= _CAUSE_SHARE * attempts
    is_grave = code is not None and code.severity == "critical"
    severity: Severity = "critical" if is_grave else "warning" if is_many else "ok"
    text = f"At the stage {cause.stage}: {code.meaning if code else 'a cause of a newer version'}"
    return Finding(cause.slug, severity, text, evidence, _remedy(cause.slug))


def _at(values: Sequence[float], rank: float) -> float:
    """Return the value of this rank, by the nearest-rank method."""
    return round(values[min(len(values) - 1, int(rank * len(values)))], 6)
