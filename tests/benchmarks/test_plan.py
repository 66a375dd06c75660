import pytest

from benchmarks.plan import FULL, QUICK


@pytest.mark.parametrize(
    ("server", "size", "round_number", "expected"),
    [
        ("holdfast", 10_000, 0, True),
        ("holdfast", 10_000, 2, True),
        ("holdfast", 1_000, 0, False),
        ("node", 10_000, 0, True),
        ("node", 10_000, 1, False),
    ],
)
def test_idle_is_measured_where_it_counts(server, size, round_number, expected):
    """The long window is spent every round on both sides of the bar and once on the others."""
    assert FULL.measures_idle(server, size, round_number) is expected


def test_deliveries_shrink_with_connections():
    """More connections get fewer publications, so that a run stays bounded."""
    assert FULL.deliveries(10_000).singles < FULL.deliveries(1_000).singles


def test_quick_plan_judges_nothing():
    """A run that only shows that the harness works fails no bar."""
    assert not QUICK.is_judged
