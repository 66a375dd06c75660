from __future__ import annotations

import msgspec

from holdfast.monitoring.report import describe_resources
from tests.unit.monitoring.test_monitor import World


def test_report_tells_values_levels_and_trends() -> None:
    """As JSON that dashboards can read."""
    world = World()
    world.run(10, memory=95, connections=40)
    report = msgspec.json.decode(msgspec.json.encode(describe_resources(world.monitor, "one", 0.5)))

    assert (report["instance"], report["at"], report["level"]) == ("one", "1970-01-01T00:00:00.500Z", "critical")
    memory = report["resources"]["memory"]
    assert (memory["used"], memory["limit"], memory["limit_from"], memory["ratio"]) == (95, 100, "test", 0.95)
    assert (memory["level"], memory["warning"], memory["critical"]) == ("critical", 0.8, 0.9)
    assert memory["refuses_newcomers"]
    assert "level" not in report["resources"]["connections"]
    assert report["flows"] == {"queue_bytes": 7.0}
    assert report["trends"]["memory"]["1s"] == {
        "lowest": 95,
        "mean": 95,
        "highest": 95,
        "slope_per_second": 0,
        "seconds": 10,
    }


def test_report_before_the_first_look_is_empty() -> None:
    """Somebody may ask that early."""
    report = describe_resources(World().monitor, "one", 0.0)

    assert (report["level"], report["resources"], report["trends"]) == ("ok", {}, {})
