"""Tests of holdfast.diagnostics.probe.gateway_view."""

from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.diagnostics.probe.gateway_view import explanation, refined, seen_headers
from holdfast.diagnostics.probe.http import Answer
from holdfast.diagnostics.probe.verdict import verdict

OWN: dict[str, Any] = {
    "cid": "ab",
    "slug": "draining",
    "number": 1911,
    "seen": {"host": "a"},
    "log_token": "hunter2",
    "x": 1,
}


def answer(body: Any, status: int = 200) -> Answer:
    """Return an answer with a JSON body."""
    return Answer(status, "", [], json.dumps(body).encode())


def test_explanation_has_what_is_known_and_no_secret() -> None:
    """The log token is for pages alone."""
    found = explanation(answer(OWN))

    assert found == {"cid": "ab", "slug": "draining", "number": 1911, "seen": {"host": "a"}}
    assert seen_headers(found) == {"host": "a"}


@pytest.mark.parametrize(
    "found",
    [
        None,
        answer(OWN, 404),
        answer({}),
        answer([]),
        answer({"slug": "nonsense"}),
        answer({"slug": 1}),
        answer({"slug": ["draining"]}),
        answer({"slug": "draining", "detail": "x" * 50_000}),
        Answer(200),
    ],
)
def test_no_explanation_is_none(found: Answer | None) -> None:
    """Another server answers whatever it likes."""
    assert explanation(found) is None
    assert seen_headers(None) == seen_headers({"slug": "draining", "seen": 1}) == {}


@pytest.mark.parametrize(
    ("seen", "own", "slug"),
    [
        ("upgrade_refused", "draining", "draining"),
        ("token_refused", "token_audience", "token_audience"),
        ("connection_cut", "slow_consumer", "slow_consumer"),
        ("proxy_idle_cut", "client_gone", "proxy_idle_cut"),
        ("connection_cut", "client_closed", "connection_cut"),
        ("draining", "origin_not_allowed", "draining"),
        ("token_expired", "token_expired", "token_expired"),
    ],
)
def test_gateways_word_counts_where_little_was_seen(seen: str, own: str, slug: str) -> None:
    """A proxy may have put its own page over the cause; what the gateway calls gone was cut by something else."""
    assert refined(verdict(seen), {"slug": own}).slug == slug
    assert refined(verdict(seen), None).slug == seen
