"""`holdfast ops rebalance`."""

from __future__ import annotations

from tests.unit.cli.ops.conftest import MORE

EVEN = ("ops", "rebalance")


def test_sends_the_excess_away(cli, played):
    """Only from who has more than tolerated, at the rate."""
    played[1].connections, played[1].excess = 250, 150
    played[2].excess = 5
    outcome = cli(*EVEN, *played.options, "--rate", "5", *MORE, "--json")
    found = outcome.json()

    assert outcome.code == 0
    assert ("/admin/rebalance", {"rate": 5.0}) in played[1].orders
    assert played[2].orders == []
    assert (found["before"]["gateway-1"], found["after"]["gateway-1"]) == (250, 100)


def test_even_already(cli, played):
    """Nothing to do is fine."""
    outcome = cli(*EVEN, *played.options, *MORE)

    assert outcome.code == 0
    assert "No instance" in outcome.out
    assert played[1].orders == []


def test_limit(cli, played):
    """What would move too many is refused."""
    played[1].connections, played[1].excess = 1000, 700
    outcome = cli(*EVEN, *played.options, *MORE)

    assert outcome.code == 2
    assert "evening out touches 700 of 1200" in outcome.err


def test_uneven_still(cli, played):
    """Exit code 1, with where to look."""
    played[1].connections, played[1].excess = 400, 1
    outcome = cli(*EVEN, *played.options, *MORE)

    assert outcome.code == 1
    assert "stickiness" in outcome.out
