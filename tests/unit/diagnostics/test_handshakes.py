from __future__ import annotations

from typing import Any

import pytest

from holdfast.connections.records import RefusedAttempt
from holdfast.connections.timings import StageSeconds
from holdfast.diagnostics.handshakes import (
    FEWEST_ATTEMPTS,
    FEWEST_TIMED,
    causes_of,
    failure_facts,
    failure_findings,
    percentiles,
    timing_findings,
)


def refused(slug: str, stage: Any = "token", at: float = 1_700_000_000.0, **facts: Any) -> RefusedAttempt:
    """Make the record of a refused attempt."""
    given = {"attempt": "a1", "address": "192.0.2.1", "transport": "websocket", "path": "/connection/websocket"}
    return RefusedAttempt(at=at, slug=slug, stage=stage, **{**given, **facts})


def timed(token: float, count: int = FEWEST_TIMED) -> list[StageSeconds]:
    """Make handshakes whose token took so long."""
    return [StageSeconds(-1.0, 0.01, token, 0.001)] * count


def test_causes_are_in_the_order_of_the_stages() -> None:
    """The way of a connection is the order; within a stage the most frequent leads."""
    records = [refused("token_expired"), refused("origin_not_allowed", "origin")] + [refused("token_missing")] * 2

    assert [(one.slug, one.count) for one in causes_of(records)] == [
        ("origin_not_allowed", 1),
        ("token_missing", 2),
        ("token_expired", 1),
    ]


def test_failures_show_the_newest_example() -> None:
    """The newest attempt of a cause is told with its moment, address and id; what to do too."""
    records = [refused("token_expired", at=10.0, attempt="old"), refused("token_expired", at=20.0, attempt="new")]
    finding = failure_findings(records, opened=2)[1]

    assert finding.check == "token_expired"
    assert "attempt new" in finding.evidence
    assert "1970-01-01 00:00:20Z from 192.0.2.1" in finding.evidence
    assert "50.0% of attempts" in finding.evidence
    assert finding.remedy


@pytest.mark.parametrize(
    ("count", "opened", "severity"),
    [
        (1, 0, "ok"),
        (4, 0, "ok"),
        (FEWEST_ATTEMPTS - 1, 0, "warning"),
        (FEWEST_ATTEMPTS - 1, FEWEST_ATTEMPTS, "ok"),
        (FEWEST_ATTEMPTS, 10_000, "ok"),
        (FEWEST_ATTEMPTS, 100, "warning"),
        (FEWEST_ATTEMPTS, 0, "critical"),
    ],
)
def test_failures_are_judged_by_their_share(count: int, opened: int, severity: str) -> None:
    """Few failures are everyday life unless nobody gets in, a twentieth is a warning, half is critical."""
    assert failure_findings([refused("token_expired")] * count, opened)[0].severity == severity


def test_failures_of_a_rare_cause_are_no_warning() -> None:
    """One bad token among thousands is listed and harmless."""
    assert [one.severity for one in failure_findings([refused("token_expired")], 5000)] == ["ok", "ok"]


def test_failures_without_any_are_fine() -> None:
    """Nothing failed, nothing to say."""
    assert [one.summary for one in failure_findings([], 3)] == ["No handshake failed."]


def test_failures_of_a_cause_of_a_newer_version_are_told() -> None:
    """A slug that this version does not know breaks nothing."""
    assert failure_findings([refused("brand_new")], 0)[1].check == "brand_new"


def test_failure_facts_are_for_programs() -> None:
    """Counts, shares and examples as data."""
    facts = failure_facts([refused("token_expired", detail="by 5 s")], 3)

    assert facts["causes"][0]["share"] == 0.25
    assert facts["causes"][0]["newest"]["detail"] == "by 5 s"
    assert failure_facts([], 0)["causes"] == []


def test_percentiles_leave_out_what_was_not_measured() -> None:
    """A stage whose start is unknown has no percentiles; ranks are those of real handshakes."""
    found = percentiles([StageSeconds(-1.0, 0.0, number / 100, 0.0) for number in range(100)])

    assert "upgrade" not in found
    assert found["token"] == {"count": 100, "p50": 0.5, "p95": 0.95, "p99": 0.99}


def test_slow_stages_are_named() -> None:
    """A slow token check is told with its percentiles, and where to look."""
    [finding] = timing_findings(timed(2.0))

    assert (finding.check, finding.severity) == ("slow_token", "warning")
    assert "p95 2.000 s" in finding.evidence


@pytest.mark.parametrize("handshakes", [[], timed(2.0, FEWEST_TIMED - 1), timed(0.01)])
def test_quick_or_few_handshakes_are_fine(handshakes: list[StageSeconds]) -> None:
    """Few handshakes are no verdict."""
    assert [one.severity for one in timing_findings(handshakes)] == ["ok"]
