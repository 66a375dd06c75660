from __future__ import annotations

import pytest
import structlog

from holdfast.monitoring.events import Event, Events, log_level
from tests.brokers import Clock


def test_event_reaches_every_subscriber() -> None:
    """With its moment and facts, whatever another one makes of it."""
    seen: list[Event] = []

    def fails(event: Event) -> None:
        raise RuntimeError("broken")

    events = Events(Clock(5.0))
    events.subscribe(fails)
    events.subscribe(seen.append)
    with structlog.testing.capture_logs() as logged:
        events.emit("drain.started", connections=3)

    assert seen == [Event("drain.started", 5.0, {"connections": 3})]
    assert logged[0]["event"] == "event_not_taken"


@pytest.mark.parametrize(("level", "written"), [("ok", "info"), ("warning", "warning"), ("critical", "warning")])
def test_level_has_a_line(level: str, written: str) -> None:
    """An operator who filters by severity sees what is scarce."""
    with structlog.testing.capture_logs() as logged:
        log_level(Event("resource.level", 0.0, {"resource": "memory", "level": level}))
        log_level(Event("drain.ended", 0.0))

    (line,) = logged
    assert (line["event"], line["log_level"]) == ("resource_level", written)
    assert (line["resource"], line["state"]) == ("memory", level)
