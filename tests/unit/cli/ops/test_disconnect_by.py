"""`holdfast ops disconnect-by`."""

from __future__ import annotations

from tests.unit.cli.ops.conftest import MORE

BY = ("ops", "disconnect-by")
PATH = "/admin/disconnect"


def orders(played):
    """Return what was ordered with a rate."""
    return [body for path, body in played[1].orders if path == PATH and "rate" in body]


def test_limit_refused_then_done(cli, played):
    """Above 10 % nothing is done; within, or where it is told, all are sent away and waited for."""
    played.chosen, played.left = 60, [40, 20]
    refused = cli(*BY, "--user", "42", *played.options, *MORE)
    assert refused.code == 2
    assert "60 of 300 connection(s), 20 %" in refused.err
    assert orders(played) == []

    played.left = [0, 40, 20]
    done = cli(*BY, "--user", "42", "--rate", "5", "--limit", "20", *played.options, *MORE)
    assert done.code == 0
    assert orders(played) == [{"users": ["42"], "addresses": [], "rate": 5.0}]
    assert "All were told" in done.out


def test_nobody(cli, played):
    """Nothing to do is fine."""
    outcome = cli(*BY, "--address", "192.0.2.1", *played.options, *MORE)

    assert (outcome.code, outcome.out) == (0, "Nobody of them is connected.\n")
    assert played.lines() == []


def test_by_slug(cli, played):
    """The users who had the trouble; who has no name is nobody's."""
    played.answers["/admin/connections"] = {"connections": [{"user": "42"}, {"user": ""}, {"user": "7"}]}
    played.answers["/admin/attempts"] = {"attempts": [{"slug": "token_expired"}]}
    played.chosen = 2
    outcome = cli(*BY, "--slug", "slow_consumer", *played.options, *MORE)

    assert outcome.code == 0
    assert orders(played)[0]["users"] == ["42", "7"]
    played.answers["/admin/connections"] = {"connections": []}
    assert cli(*BY, "--slug", "slow_consumer", *played.options).out == "Nobody of them is connected.\n"
    played.answers["/admin/connections"] = {"connections": [{"user": "42"}] * 1000}
    rest = cli(*BY, "--slug", "slow_consumer", *played.options)
    assert (rest.code, "run this again" in rest.out) == (1, True)
    played.answers["/admin/connections"] = {"connections": [{"user": str(number)} for number in range(1001)]}
    assert cli(*BY, "--slug", "slow_consumer", *played.options).code == 2


def test_one_under_way_goes_on(cli, played):
    """Exit code 1: this order was not taken."""
    played.chosen = 2
    before = played._disconnect

    def busy():
        found = before()
        found["instances"]["gateway-1"]["has_changed"] = False
        return found

    played._disconnect = busy
    outcome = cli(*BY, "--user", "42", *played.options, *MORE)

    assert outcome.code == 1
    assert "goes on as it is" in outcome.out


def test_cancel(cli, played):
    """What is under way ends; nothing under way is fine."""
    assert cli(*BY, "--cancel", *played.options).out == "Nothing is under way.\n"
    played.left = [7]
    outcome = cli(*BY, "--cancel", *played.options, *MORE)

    assert outcome.code == 0
    assert played[1].orders[-1] == (f"{PATH}/cancel", {})


def test_usage(cli, played):
    """Whom it is about has to be said."""
    assert cli(*BY, *played.options).code == 3
