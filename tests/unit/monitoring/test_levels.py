from __future__ import annotations

from holdfast.codes import CODES
from holdfast.monitoring.levels import CALM, Level, Pressure, Scarcity


def test_critical_finds_the_scarce_resource() -> None:
    """A warning keeps nobody out."""
    low = Scarcity(Level.WARNING, "70 of 100")
    high = Scarcity(Level.CRITICAL, "99 of 100")

    assert CALM.critical() is None
    assert Pressure({"cpu": low}).critical() is None
    assert Pressure({"cpu": low, "memory": high}).critical() == ("memory", high)


def test_every_resource_has_a_cause() -> None:
    """What keeps newcomers out has a name."""
    assert all(f"overload_{one}" in CODES for one in ("loop_lag", "memory", "cpu", "descriptors"))
