"""Tests of holdfast.diagnostics.probe.report."""

from __future__ import annotations

import json

from holdfast.diagnostics.probe.report import Report, StageReport
from holdfast.diagnostics.probe.verdict import verdict

STAGES = [StageReport("dns", "ok", 0.00123, {"addresses": ["192.0.2.1"]})]


def test_json_has_every_field_that_is_promised() -> None:
    """Programs rely on it."""
    report = Report(
        "wss://a.test/", "ab", STAGES, verdict("draining", "Now."), 1.23456, ["nginx"], {"slug": "draining"}
    )

    found = report.as_json()
    assert json.loads(json.dumps(found)) == {
        "url": "wss://a.test/",
        "verdict": "draining",
        "stage": "admission",
        "cause": "The instance is draining and takes no new connections. Now.",
        "fix": "Come back through the load balancer.",
        "exit_code": 14,
        "seconds": 1.235,
        "attempt": "ab",
        "proxies": ["nginx"],
        "stages": [{"stage": "dns", "outcome": "ok", "seconds": 0.0012, "facts": {"addresses": ["192.0.2.1"]}}],
        "explained": {"slug": "draining"},
        "agreed": True,
    }


def test_walk_without_a_failure_is_ok() -> None:
    """Exit code 0, and nothing to agree on."""
    found = Report("wss://a.test/", "ab", STAGES, None, 1.0).as_json()

    assert (found["verdict"], found["stage"], found["exit_code"], found["cause"]) == ("ok", None, 0, "")
    assert (found["explained"], found["agreed"]) == (None, None)


def test_another_cause_is_no_agreement() -> None:
    """The reader sees that both differ."""
    report = Report("wss://a.test/", "ab", STAGES, verdict("upgrade_cut"), 1.0, explained={"slug": "draining"})

    assert report.is_agreed is False


def test_gateways_name_for_the_same_thing_is_agreement() -> None:
    """What the path cut is a client that is gone, seen from the other side."""
    cut, stripped = verdict("proxy_idle_cut"), verdict("upgrade_stripped")

    assert Report("wss://a.test/", "ab", STAGES, cut, 1.0, explained={"slug": "client_gone"}).is_agreed
    assert Report("wss://a.test/", "ab", STAGES, stripped, 1.0, explained={"slug": "upgrade_required"}).is_agreed
