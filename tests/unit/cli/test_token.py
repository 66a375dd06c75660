"""Tests of holdfast.cli.token."""

import io
import sys

import jwt
import pytest

SECRET = "a-secret-of-more-than-thirty-two-bytes"


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    """Configure a secret to sign with."""
    monkeypatch.setenv("HOLDFAST_TOKEN__HMAC_SECRET", SECRET)


def test_create_prints_the_token_alone(cli):
    """The output can be used in a script as it is."""
    outcome = cli("token", "create", "alice", "--ttl", "15m", "--claim", 'channels=["news"]')

    claims = jwt.decode(outcome.out.strip(), SECRET, algorithms=["HS256"])

    assert claims["sub"] == "alice"
    assert claims["channels"] == ["news"]
    assert claims["exp"] - claims["iat"] == 900


def test_create_for_a_channel_makes_a_subscription_token(cli):
    """The channel is among the claims."""
    token = cli("token", "create", "alice", "--channel", "$dm", "--json").json()["token"]

    assert jwt.decode(token, SECRET, algorithms=["HS256"])["channel"] == "$dm"


@pytest.mark.parametrize("options", [("--ttl", "soon"), ("--claim", "channels"), ("--claim", "channels=[")])
def test_create_refuses_what_it_cannot_read(cli, options):
    """A fault in an option is bad usage and names the option."""
    outcome = cli("token", "create", "alice", *options)

    assert outcome.code == 3
    assert options[0] in outcome.err


def test_create_without_secret_names_the_setting(cli, monkeypatch):
    """There is nothing to sign with."""
    monkeypatch.delenv("HOLDFAST_TOKEN__HMAC_SECRET")

    outcome = cli("token", "create", "alice")

    assert outcome.code == 3
    assert "token.hmac_secret" in outcome.err


def test_check_accepts_a_good_token(cli, monkeypatch):
    """What `create` makes, `check` takes, from standard input too; the token is not repeated."""
    token = cli("token", "create", "alice").out.strip()
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{token}\n"))

    outcome = cli("token", "check", "-")

    assert outcome.code == 0
    assert "valid connection token" in outcome.out
    assert "alice" in outcome.out
    assert token not in outcome.out


def test_check_names_the_cause_and_the_remedy(cli):
    """A refused token exits 2 with its slug."""
    outcome = cli("token", "check", jwt.encode({"sub": "alice"}, SECRET + "-other", algorithm="HS256"))

    assert outcome.code == 2
    assert "token_wrong_signature" in outcome.out
    assert cli("token", "check", "nonsense", "--json").json()["slug"] == "token_malformed"


def test_check_without_key_set_cannot_tell(cli, monkeypatch):
    """Where the keys are to be fetched and cannot be, there is no verdict."""
    monkeypatch.setenv("HOLDFAST_TOKEN__JWKS__URL", "http://127.0.0.1:9/keys")

    async def fail(_self):
        return False

    monkeypatch.setattr("holdfast.auth.validator.ImprovedTokenValidator.refresh_key_sets", fail)

    outcome = cli("token", "check", "nonsense")

    assert outcome.code == 4
    assert "token.jwks" in outcome.err
