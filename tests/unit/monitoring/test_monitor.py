from __future__ import annotations

from typing import Any

import pytest
import structlog

from holdfast.monitoring.events import Event, Events
from holdfast.monitoring.levels import CALM, Level, Scarcity
from holdfast.monitoring.monitor import ResourceMonitor
from holdfast.monitoring.sampling import Sample, Usage
from holdfast.settings_monitor import MonitorSettings
from tests.brokers import Clock


class World:
    """A monitor of a machine that has what the test says."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.usages: dict[str, Usage] = {}
        self.seen: list[Event] = []
        self.trips: list[str] = []
        events = Events(self.clock)
        events.subscribe(self.seen.append)
        given = MonitorSettings.model_validate(settings)
        self.monitor = ResourceMonitor(given, self._take, events, self.trips.append, self.clock)

    def _take(self) -> Sample:
        return Sample(dict(self.usages), {"queue_bytes": 7.0})

    def run(self, seconds: int, **used: float) -> None:
        """Let so many seconds pass with so much used of 100, or so many seconds of lag."""
        self.usages = {
            name: Usage(amount) if name == "loop_lag" else Usage(amount, 100.0, "test") for name, amount in used.items()
        }
        for _ in range(seconds):
            self.clock.advance(1.0)
            self.monitor.measure()


def test_plenty_is_no_pressure() -> None:
    """Nobody is told anything."""
    world = World()
    world.run(20, memory=50, cpu=20, descriptors=10, loop_lag=0.01)

    assert not world.monitor.pressure().by_resource
    assert not world.seen


@pytest.mark.parametrize(
    ("resource", "used", "evidence"),
    [
        ("memory", 95.0, "95 B of 100 B (95%; limit: test)"),
        ("descriptors", 96.0, "96 of 100 (96%; limit: test)"),
        ("cpu", 99.0, "9900% of one core"),
        ("loop_lag", 0.7, "a quarter of what arrives waits longer than 700 ms"),
    ],
)
def test_scarcity_is_pressure_with_its_evidence(resource: str, used: float, evidence: str) -> None:
    """Admission hears which resource it is and why."""
    world = World()
    world.run(20, **{resource: used})

    assert world.monitor.pressure().critical() == (resource, Scarcity(Level.CRITICAL, evidence))


@pytest.mark.parametrize("resource", ["socket_memory", "conntrack"])
def test_what_no_refusal_cures_is_told_and_presses_nobody(resource: str) -> None:
    """The kernel's resources are the host's."""
    world = World()
    world.run(20, **{resource: 99.0})

    assert world.monitor.levels()[resource] is Level.CRITICAL
    assert world.monitor.pressure().by_resource == CALM.by_resource
    assert world.trips == []
    assert [event.facts["resource"] for event in world.seen] == [resource]


def test_each_change_of_a_level_is_an_event() -> None:
    """With where it came from."""
    world = World(settle=2)
    world.run(5, memory=85)
    world.run(5, memory=95)
    world.run(10, memory=10)

    assert [(event.facts["before"], event.facts["level"]) for event in world.seen] == [
        ("ok", "warning"),
        ("warning", "critical"),
        ("critical", "ok"),
    ]
    assert world.seen[0].kind == "resource.level"
    assert world.seen[1].facts["evidence"] == "95 B of 100 B (95%; limit: test)"


def test_breaker_is_tripped_while_a_critical_level_lasts() -> None:
    """By the slug of the refusals, so that one name leads from the breaker to the cause; a short peak does not."""
    world = World(trip_after=5)
    world.run(4, descriptors=99)
    assert world.trips == []
    world.run(4, descriptors=99)
    assert set(world.trips) == {"overload_descriptors"}
    before = len(world.trips)
    world.run(20, descriptors=10)
    world.run(3, descriptors=85)

    assert len(world.trips) <= before + 5  # until the level settles


def test_breaker_is_not_tripped_by_the_cpu() -> None:
    """Refusing takes CPU too: the breaker would stay open for as long as a crowd knocks."""
    world = World(trip_after=5)
    world.run(60, cpu=99)

    assert world.trips == []
    assert world.monitor.pressure().critical() is not None


def test_unlimited_descriptors_are_never_scarce() -> None:
    """However many there are."""
    world = World()
    world.usages = {"descriptors": Usage(1_000_000)}
    world.monitor.measure()

    assert world.monitor.levels()["descriptors"] is Level.OK


def test_numbers_are_there_to_be_read() -> None:
    """Ratios, limits and trends; a lag has neither."""
    world = World()
    world.run(3, memory=50, loop_lag=0.01)

    assert world.monitor.ratios() == {"memory": 0.5}
    assert world.monitor.limits() == {"memory": 100.0}
    assert world.monitor.trends()["queue_bytes"]["1s"].mean == 7.0
    assert world.monitor.level_seconds("memory") == 3.0


async def test_run_outlives_a_look_that_fails() -> None:
    """The next one may succeed."""
    world = World()
    naps: list[float] = []

    async def sleep(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            raise KeyboardInterrupt

    world.usages = {"memory": "nonsense"}  # type: ignore[dict-item]  # what no reader returns
    with structlog.testing.capture_logs() as logged, pytest.raises(KeyboardInterrupt):
        await world.monitor.run(sleep)

    assert naps == [1.0] * 3
    assert {one["event"] for one in logged} == {"resources_not_measured"}
