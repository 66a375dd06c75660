from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.diagnostics.terms import terms_from_json
from tests.unit.diagnostics.way import GATEWAY, terms


def test_terms_are_those_of_the_settings() -> None:
    """What is switched off has no path."""
    found = terms(
        client={"ping_interval": 40, "pong_timeout": 5, "allowed_origins": ["https://a.example"]},
        sse={"enabled": False},
        poll={"enabled": False},
        admission={"max_connections_per_address": 10},
        http={"trusted_proxies": ["10.0.0.0/8"]},
    )

    assert found.quiet_seconds == 45
    assert (found.streams, found.poll) == (("/connection/http_stream",), "")
    assert (found.has_origins, found.has_trusted_proxies, found.limits_addresses) == (True, True, True)


def test_terms_survive_the_way_as_json() -> None:
    """A running instance tells them, a command line reads them."""
    assert terms_from_json(json.loads(json.dumps(GATEWAY.as_json()))) == GATEWAY


@pytest.mark.parametrize("answer", [None, {}, [], "x", {**GATEWAY.as_json(), "ports": "8000"}])
def test_terms_of_another_version_are_none(answer: Any) -> None:
    """What is something else is not guessed at."""
    assert terms_from_json(answer) is None
