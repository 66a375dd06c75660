from __future__ import annotations

import pytest

from holdfast.monitoring.levels import CALM, Level, Pressure, Scarcity
from holdfast.monitoring.newcomers import with_newcomers
from holdfast.monitoring.sampling import Sample, Usage

SEEN = Sample({"descriptors": Usage(60, 100), "connections": Usage(50, 1000)}, {})


@pytest.mark.parametrize(("connections", "is_scarce"), [(10, False), (50, False), (84, False), (85, True), (500, True)])
def test_newcomers_count_before_the_next_look(connections: int, is_scarce: bool) -> None:
    """60 descriptors were used with 50 connections; the 35th newcomer takes the 95th."""
    found = with_newcomers(CALM, SEEN, connections, 0.95).critical()

    assert (found is not None) is is_scarce
    if found is not None:
        assert found[0] == "descriptors"
        assert found[1].evidence == f"{connections + 10} of 100 are used"


@pytest.mark.parametrize(
    "sample", [Sample({}, {}), Sample({"descriptors": Usage(60), "connections": Usage(50, 1000)}, {})]
)
def test_what_is_not_measured_keeps_nobody_out(sample: Sample) -> None:
    """Where the machine does not tell its limit there is nothing to compare with."""
    assert with_newcomers(CALM, sample, 10_000, 0.95) is CALM


def test_other_resources_stay() -> None:
    """What the monitor said holds."""
    said = Pressure({"memory": Scarcity(Level.WARNING, "85 of 100")})

    assert set(with_newcomers(said, SEEN, 99, 0.95).by_resource) == {"descriptors", "memory"}
