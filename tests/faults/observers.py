"""Who can say why an attempt failed, and what each of them says of one: a set of slugs, empty for silence."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import httpx

from tests.gateway import ADMIN_TOKEN, Gateway

Observer = Literal["probe", "ledger", "metric", "log", "explain"]
OBSERVERS: tuple[Observer, ...] = get_args(Observer)
PATIENCE_SECONDS = 10.0

# Counters of causes; each grows by the slug of what happened.
_COUNTERS = ("handshakes", "closes", "token_validations", "http_refusals", "errors")
_SAMPLE = re.compile(rf'holdfast_(?:{"|".join(_COUNTERS)})_total\{{(?:[^}}]*,)?slug="(\w+)"[^}}]*\}} (\S+)')
# What a good attempt counts too: a door that lets in, a client that leaves.
_USUAL = {"ok", "client_closed"}


@dataclass
class Evidence:
    """One attempt that was made: at which gateway, under which id, what was counted before, what the probe found."""

    gateway: Gateway
    before: Counter[str] = field(default_factory=Counter)
    attempt: str = ""
    report: dict[str, Any] | None = None

    def says(self, observer: Observer) -> set[str]:
        """Return the slugs that an observer names; one that has ended says nothing."""
        try:
            return _WHO[observer](self)
        except httpx.TransportError:
            if self.gateway.is_running:
                raise
            return set()

    def says_within(self, observer: Observer, wanted: set[str]) -> set[str]:
        """Return what an observer names, as soon as that is what is wanted; some need a moment."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (said := self.says(observer)) != wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        return said


def counted(gateway: Gateway) -> Counter[str]:
    """Return how often each cause was counted."""
    found: Counter[str] = Counter()
    for slug, value in _SAMPLE.findall(gateway.get("/metrics").text):
        found[slug] += int(float(value))
    return found


def _probe(evidence: Evidence) -> set[str]:
    return {evidence.report["verdict"]} - {"ok"} if evidence.report is not None else set()


def _metric(evidence: Evidence) -> set[str]:
    return set(counted(evidence.gateway) - evidence.before) - _USUAL


def _ledger(evidence: Evidence) -> set[str]:
    found = _listed(evidence.gateway, "attempts") + _listed(evidence.gateway, "connections", "state=ended")
    return {one["slug"] for one in found if one["attempt"] == evidence.attempt} - _USUAL


def _listed(gateway: Gateway, path: str, query: str = "") -> list[dict[str, Any]]:
    url = f"{gateway.internal_url}/admin/{path}?limit=1000&{query}"
    answer = _get(url, {"Authorization": f"Bearer {ADMIN_TOKEN}"})
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()[path]
    return listed


def _log(evidence: Evidence) -> set[str]:
    lines = [line for line in evidence.gateway.log().splitlines() if evidence.attempt and evidence.attempt in line]
    return {slug for line in lines if line.startswith("{") and (slug := json.loads(line).get("slug"))} - _USUAL


def _explain(evidence: Evidence) -> set[str]:
    answer = _get(f"{evidence.gateway.url}/connection/explain?cid={evidence.attempt or '0' * 32}", {})
    if answer.status_code == 404:
        assert answer.json()["slug"] == "unknown_attempt", answer.text
        return set()
    assert answer.status_code == 200, answer.text
    return {answer.json()["slug"]} - _USUAL


def _get(url: str, headers: dict[str, str]) -> httpx.Response:
    return httpx.get(url, headers=headers, trust_env=False, timeout=30)


_WHO: dict[Observer, Callable[[Evidence], set[str]]] = {
    "probe": _probe,
    "ledger": _ledger,
    "metric": _metric,
    "log": _log,
    "explain": _explain,
}
