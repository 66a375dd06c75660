from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from holdfast.connections.records import EndedConnection
from holdfast.diagnostics.endings import EARLY_SECONDS, FEWEST_EARLY, ending_facts, ending_findings, find_limits
from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.peaks import FEWEST, width_at
from tests.unit.diagnostics.ends import cut_when_idle, cut_when_old, ended, lost_by_chance

NOBODY: frozenset[str] = frozenset()


def limit_finding(records: list[EndedConnection], *seen: str) -> Finding:
    """Return what is said of limits on the way."""
    limits = find_limits(records, frozenset(seen))
    return next(one for one in ending_findings(records, limits) if one.check == "proxy_idle_cut")


@pytest.mark.parametrize(
    ("limit", "named"),
    [
        (60.0, "nginx"),
        (60.0, "AWS Application Load Balancer"),
        (100.0, "Cloudflare"),
        (240.0, "Azure Load Balancer"),
        (350.0, "AWS Network Load Balancer"),
    ],
)
@pytest.mark.parametrize("ping", [1.0001, 1.2, 3.0, 20.0])
def test_idle_limit_is_named(limit: float, named: str, ping: float) -> None:
    """A known limit is told as such, with the setting that changes it, whether or not pings passed before."""
    random = Random(5)
    records = cut_when_idle(random, 40, limit, limit * ping) + lost_by_chance(random, 100, 900.0, limit * ping)
    found = limit_finding(records)

    assert found.severity in {"warning", "critical"}
    assert f"after {limit:g} s without traffic" in found.summary
    assert named in found.summary
    assert "client.ping_interval" in found.remedy


def test_idle_limit_that_nobody_knows_is_told_with_its_seconds() -> None:
    """A limit that somebody set by hand is found as well."""
    found = limit_finding(cut_when_idle(Random(1), 15, 3.0, 25.0))

    assert found.severity == "critical"
    assert "after 3.1 s without traffic" in found.summary or "after 3.2 s without traffic" in found.summary
    assert "timeout tunnel" in found.remedy


def test_age_limit_is_told_from_an_idle_one() -> None:
    """Where traffic did not matter, pings are no remedy."""
    found = limit_finding(cut_when_old(Random(2), 60, 30.0, 25.0))

    assert "at the age of 30" in found.summary
    assert "Google Cloud" in found.summary
    assert "Pings do not help" in found.remedy


def test_recognised_proxy_is_named_first() -> None:
    """Of several products with the same limit, the one that left its mark leads."""
    records = cut_when_idle(Random(3), 40, 60.0, 120.0)

    assert (
        "the limit of AWS Application Load Balancer or"
        in limit_finding(records, "AWS Application Load Balancer").summary
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**9),
    st.sampled_from([3.0, 15.0, 60.0, 100.0, 240.0, 350.0]),
    st.floats(1.0, 30.0),
    st.integers(0, 400),
)
def test_idle_limit_is_found_at_any_ping_interval_above(seed: int, limit: float, ratio: float, rest: int) -> None:
    """The limit is found where it is and as what it is, however far the ping interval lies above it."""
    random = Random(seed)
    ping = limit * ratio
    assume(40 + rest > 6 * rest * width_at(limit) / ping)  # else as many are so quiet by chance
    records = cut_when_idle(random, 40 + rest, limit, ping) + lost_by_chance(random, rest, 1800.0, ping)
    found = find_limits(records, NOBODY)

    assert [one.kind for one in found][:1] == ["idle"]
    assert found[0].peak.seconds == pytest.approx(limit, abs=max(1.0, limit * 0.02))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**9), st.integers(0, 3000), st.floats(1.0, 4000.0), st.floats(1.0, 300.0))
def test_limit_is_not_found_in_chance(seed: int, count: int, mean: float, ping: float) -> None:
    """Networks that come and go are not blamed on a proxy, whatever the ping interval."""
    assert find_limits(lost_by_chance(Random(seed), count, mean, ping), NOBODY) == []


def test_limit_is_not_seen_in_few_ends() -> None:
    """Few data are no verdict, and the number that is needed is told."""
    found = limit_finding(cut_when_idle(Random(1), FEWEST - 1, 60.0, 120.0))

    assert found.severity == "ok"
    assert f"{FEWEST - 1} of the {FEWEST}" in found.evidence


def test_limit_is_not_blamed_for_one_program() -> None:
    """A check that hangs up after the same time each minute may be a program of the operator's own."""
    records = [ended(10.0, 1_700_000_000 + 60 * number, quiet=10.0) for number in range(50)]

    assert limit_finding(records).severity == "unknown"


@pytest.mark.parametrize(
    "facts",
    [
        {"initiator": "peer", "slug": "client_closed"},
        {"initiator": "us", "slug": "connection_expired"},
        {"slug": "no_pong"},
        {"transport": "poll"},
    ],
)
def test_limit_is_sought_among_cuts_alone(facts: dict[str, Any]) -> None:
    """What ended by a close frame, by a missing pong or as a poll says nothing of a proxy's limit."""
    records = [ended(60.0, 1_700_000_000 + 7 * number, user=f"u{number}", **facts) for number in range(50)]

    assert limit_finding(records).severity == "ok"


def test_early_ends_are_told_with_who_ended_them() -> None:
    """Many short lives are a warning that names initiator and cause."""
    short = [ended(EARLY_SECONDS / 2, slug="no_pong", initiator="us") for _ in range(FEWEST_EARLY)]
    found = ending_findings([*short, ended(500.0)], ())[0]

    assert (found.check, found.severity) == ("early_ends", "warning")
    assert f"{FEWEST_EARLY} by us (no_pong)" in found.evidence


@pytest.mark.parametrize(
    "records",
    [
        [],
        [ended(1.0)] * (FEWEST_EARLY - 1),
        [ended(1.0, slug="client_closed", initiator="peer")] * 100,
        [ended(1.0)] * FEWEST_EARLY + [ended(100.0)] * 1000,
    ],
)
def test_early_ends_are_fine_if_few_or_wished(records: list[EndedConnection]) -> None:
    """Few, and those that wanted to go, are nothing to worry about."""
    assert ending_findings(records, ())[0].severity == "ok"


def test_ending_facts_count_by_initiator_and_lifetime() -> None:
    """A program gets the counts and the limits."""
    records = [ended(0.5), ended(5.0), ended(30.0, initiator="us", slug="no_pong"), ended(300.0), ended(3000.0)]
    facts = ending_facts(records, ())

    assert facts["by_initiator"] == {
        "path": {"under_1s": 1, "under_10s": 1, "under_10m": 1, "longer": 1},
        "us": {"under_1m": 1},
    }
    assert facts["by_slug"] == {"client_gone": 4, "no_pong": 1}
    assert facts["limits"] == []
    cut = cut_when_idle(Random(1), 40, 100.0, 200.0)
    [limit] = ending_facts(cut, find_limits(cut, NOBODY))["limits"]
    assert (limit["kind"], limit["candidates"][0]["product"]) == ("idle", "Cloudflare")
