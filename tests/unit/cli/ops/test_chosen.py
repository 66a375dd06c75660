"""Whom an order would meet."""

from __future__ import annotations


def test_silent_instance_is_exit_code_1(cli, played):
    """Who did not answer may have some of them; it is named."""
    played.chosen, played.missing = 3, ["gateway-3"]
    outcome = cli("ops", "disconnect-by", "--user", "42", *played.options, "--json")

    assert outcome.code == 1
    assert outcome.json()["missing"] == ["gateway-3"]
    assert outcome.json()["chosen"] == {"gateway-1": 3, "gateway-2": 0, "gateway-3": 0}
