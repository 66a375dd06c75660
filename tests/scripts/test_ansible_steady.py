"""Watching a host: which restarts count."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scripts.collection import plugin

steady = plugin("modules.steady")


@pytest.fixture
def restarted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Play a slot that is ready, and that systemd restarted at moment 100."""
    monkeypatch.setattr(steady.units, "readiness", lambda *_: (True, True, ""))
    monkeypatch.setattr(steady.units, "properties", lambda _: {"NRestarts": "1", "MainPID": "7"})
    monkeypatch.setattr(steady.units, "started", lambda _: 100.0)
    monkeypatch.setattr(steady.units, "journal", lambda _: "loop_stuck")
    monkeypatch.setattr(steady.units, "ask", lambda *_: (200, "holdfast_broker_up 1"))
    return steady.check


def test_restart_since_the_run_began_stops_it(restarted: Any) -> None:
    """The text has the last lines of the log."""
    with pytest.raises(steady.NotSteadyError, match=r"restarted 1 time[^$]*loop_stuck"):
        restarted("1a", "10.0.0.11", 9000, 90.0)


def test_restart_of_before_does_not_count(restarted: Any) -> None:
    """One of last week stops no deploy and no drain of another host."""
    assert restarted("1a", "10.0.0.11", 9000, 110.0) == {"holdfast_broker_up": 1.0}
