"""`holdfast revoke`, against a gateway that is played."""

import httpx
import pytest

PLACE = ("--url", "http://127.0.0.1:1", "--admin-token", "word")
PATH = "/admin/revocations"


@pytest.fixture
def gateway(fake_gateway):
    """A gateway that revokes."""
    fake_gateway.answers[PATH] = httpx.Response(200, json={"disconnected": 2, "seconds": 86400.0})
    return fake_gateway


def test_revoke_user(cli, gateway):
    """The order goes to the admin path; how many had to go is told."""
    outcome = cli("revoke", "--user", "42", "--reason", "left", *PLACE)

    assert outcome.code == 0
    assert "2 connection(s)" in outcome.err
    assert gateway.sent() == {"user": "42", "reason": "left"}


def test_revoke_token_for_a_while(cli, gateway):
    """A single token, kept as long as is asked for; JSON for programs."""
    outcome = cli("revoke", "--jti", "a", "--seconds", "60", "--json", *PLACE)

    assert outcome.json()["disconnected"] == 2
    assert gateway.sent() == {"jti": "a", "seconds": 60.0}


def test_revoke_anonymous(cli, gateway):
    """The anonymous user has an empty name."""
    cli("revoke", "--user", "", *PLACE)

    assert gateway.sent() == {"user": ""}


@pytest.mark.parametrize("arguments", [(), ("--user", "42", "--jti", "a"), ("--user", "42", "--list")])
def test_revoke_needs_one_order(cli, gateway, arguments):
    """What to do has to be unambiguous."""
    assert cli("revoke", *arguments, *PLACE).code == 3
    assert not gateway.requests


def test_revoke_list(cli, gateway):
    """What is revoked is listed with its end."""
    entry = {"kind": "user", "name": "42", "kept_until": 1.7e9, "issued_until": 1.0, "reason": "left"}
    gateway.answers[PATH] = httpx.Response(200, json={"revocations": [entry]})

    assert "2023-11-14T22:13:20Z" in cli("revoke", "--list", *PLACE).out
    assert cli("revoke", "--list", "--json", *PLACE).json() == [entry]
    gateway.answers[PATH] = httpx.Response(200, json={"revocations": []})
    assert "Nothing" in cli("revoke", "--list", *PLACE).out


def test_revoke_refused_and_unreachable(cli, gateway):
    """A refusal is 2, no answer 4."""
    gateway.answers[PATH] = httpx.Response(403, json={"slug": "admin_token_invalid", "message": "no"})
    assert cli("revoke", "--user", "42", *PLACE).code == 2
    gateway.is_down = True

    assert cli("revoke", "--user", "42", *PLACE).code == 4


def test_revoke_says_who_did_not_confirm_it(cli, gateway):
    """Nobody believes that a user is out everywhere who is not."""
    torn = {"disconnected": 2, "seconds": 60.0, "missing": ["gw-2"], "kept": False}
    gateway.answers[PATH] = httpx.Response(200, json=torn)
    said = cli("revoke", "--user", "42", *PLACE).err

    assert "gw-2" in said
    assert "broker is away" in said
