from __future__ import annotations

import pytest

from holdfast.diagnostics.idle_limits import LIMITS, candidates, render_limits_docs, smallest_of

NOBODY: frozenset[str] = frozenset()


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: f"{limit.product}-{limit.seconds:g}")
def test_limit_has_a_source_and_a_setting(limit) -> None:
    """Nothing in the table is hearsay, and each row says what to do."""
    assert limit.source.startswith("https://")
    assert limit.setting
    assert limit.seconds > 0
    assert f"| {limit.product} |" in render_limits_docs()


@pytest.mark.parametrize(
    ("seconds", "product"),
    [(60.3, "nginx"), (100.0, "Cloudflare"), (241.0, "Azure Load Balancer"), (350.0, "AWS Network Load Balancer")],
)
def test_candidates_are_near(seconds: float, product: str) -> None:
    """Proxies are a little late, so a limit is known by about its length."""
    assert product in {one.product for one in candidates(seconds, "idle", NOBODY)}


def test_candidates_of_an_odd_length_are_none() -> None:
    """What nobody has as a default is named after nobody."""
    assert candidates(77.0, "idle", NOBODY) == []


def test_candidates_seen_come_first() -> None:
    """A proxy that is known to be there is the likeliest; then what fits in kind."""
    assert candidates(60.0, "idle", frozenset({"Apache httpd"}))[0].product == "Apache httpd"
    assert candidates(240.0, "age", NOBODY)[0].kind == "age"


def test_smallest_is_of_idle_limits_alone() -> None:
    """A limit of age is no matter of pings."""
    found = smallest_of(frozenset({"Envoy", "AWS CloudFront"}))

    assert found is not None
    assert (found.product, found.seconds) == ("Envoy", 300)
    assert smallest_of(NOBODY) is None
