"""`holdfast ops revoke-user`."""

from __future__ import annotations

from tests.unit.cli.ops.conftest import MORE

REVOKE = ("ops", "revoke-user", "42")
PATH = "/admin/revocations"


def test_revokes(cli, played):
    """With the reason, which those who list revocations see."""
    played.chosen = 2
    played.answers[PATH] = {"disconnected": 2, "seconds": 60.0}
    planned = cli(*REVOKE, *played.options)
    outcome = cli(*REVOKE, "--seconds", "60", *played.options, *MORE)

    assert planned.out == "Would revoke user '42', who has 2 connection(s).\n"
    assert outcome.code == 0
    assert "2 connection(s) closed" in outcome.out
    assert played[1].orders[-1] == (PATH, {"user": "42", "reason": "a drill", "seconds": 60.0})
    assert played[3].notes


def test_instance_that_did_not_confirm(cli, played):
    """Exit code 1, with its name; so also where the broker is away."""
    played.answers[PATH] = {"disconnected": 0, "seconds": 60.0, "missing": ["gateway-2"]}
    assert cli(*REVOKE, *played.options, *MORE).code == 1
    played.answers[PATH] = {"disconnected": 0, "seconds": 60.0, "kept": False}
    outcome = cli(*REVOKE, *played.options, *MORE)

    assert outcome.code == 1
    assert "The broker is away" in outcome.out


def test_user_with_very_many_connections(cli, played):
    """Is a mistake more often than meant."""
    played.chosen = 31
    assert cli(*REVOKE, *played.options, *MORE).code == 2
