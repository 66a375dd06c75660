"""Numbers and levels that decide."""

from __future__ import annotations

from holdfast.admission.limits import why_address_full, why_draining, why_full, why_scarce
from holdfast.monitoring.levels import CALM, Level, Pressure, Scarcity


def test_why_draining() -> None:
    """Once the goodbyes begin nobody is let in."""
    assert why_draining(False) is None
    refusal = why_draining(True)
    assert refusal is not None
    assert refusal.slug == "draining"


def test_why_full() -> None:
    """The last one that fits is let in, the next is told how many there are."""
    assert why_full(9, 10) is None
    refusal = why_full(10, 10)
    assert refusal is not None
    assert (refusal.slug, refusal.detail) == ("instance_connection_limit", "it has 10 of 10")


def test_why_address_full() -> None:
    """As for the instance; without a limit nobody is refused."""
    assert why_address_full(10**6, 0) is None
    assert why_address_full(1, 2) is None
    refusal = why_address_full(2, 2)
    assert refusal is not None
    assert refusal.slug == "address_connection_limit"


def test_why_scarce_names_the_first_critical_resource() -> None:
    """A warning keeps nobody out; the measurement is the detail."""
    assert why_scarce(CALM) is None
    warning = Scarcity(Level.WARNING, "1.5 of 2 GiB")
    critical = Scarcity(Level.CRITICAL, "0.4 s late for 10 s")
    assert why_scarce(Pressure({"memory": warning})) is None
    refusal = why_scarce(Pressure({"memory": warning, "loop_lag": critical, "cpu": critical}))
    assert refusal is not None
    assert (refusal.slug, refusal.detail) == ("overload_loop_lag", "0.4 s late for 10 s")
