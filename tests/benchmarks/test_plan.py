import pytest

from benchmarks.plan import BEFORE, FULL, QUICK, SERVERS, TRANSPORTS
from benchmarks.servers.recipes import BY_NAME


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
    assert SERVERS.idles(server, size, round_number) is expected


def test_idle_is_left_out():
    """A suite without the idle window never spends it, nor one that finds a server's in another suite."""
    assert not TRANSPORTS.idles("holdfast", 10_000, 0)
    assert TRANSPORTS.idles("holdfast-poll", 10_000, 0)
    assert not BEFORE.idles("holdfast", 10_000, 0)


def test_deliveries_shrink_with_connections():
    """More connections get fewer publications, so that a run stays bounded."""
    assert SERVERS.deliveries(10_000).singles < SERVERS.deliveries(1_000).singles


def test_order_turns_around():
    """Every second round goes backwards: neither side of a ratio is always the first."""
    assert BEFORE.order(0) == ("before", "holdfast")
    assert BEFORE.order(1) == ("holdfast", "before")


def test_quick_plan_judges_nothing():
    """A run that only shows that the harness works fails no bar, and leaves no suite out."""
    assert not QUICK.is_judged
    assert [suite.name for suite in QUICK.suites] == [suite.name for suite in FULL.suites]
    assert max(size for suite in QUICK.suites for size in suite.sizes) <= 500


def test_suites_name_known_servers():
    """Each server of a suite has a recipe."""
    assert {name for suite in FULL.suites for name in suite.servers} <= {*BY_NAME, "before"}
