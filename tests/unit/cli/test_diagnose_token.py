"""Tests of holdfast.cli.diagnose_token."""

import io
import json
import sys

import httpx
import jwt
import pytest

from holdfast.cli import diagnose_token
from holdfast.diagnostics.findings import Diagnosis, Finding
from holdfast.diagnostics.login import LoginResult

SECRET = "a-secret-of-more-than-thirty-two-bytes"
URL = ("--url", "http://127.0.0.1:8000", "--admin-token", "word")


@pytest.fixture(autouse=True)
def secret(monkeypatch):
    """Configure a secret to sign with."""
    monkeypatch.setenv("HOLDFAST_TOKEN__HMAC_SECRET", SECRET)


@pytest.fixture
def token():
    """A good token."""
    return jwt.encode({"sub": "alice"}, SECRET, algorithm="HS256")


def test_without_input_generation_is_checked(cli):
    """From the settings alone."""
    outcome = cli("diagnose", "token")

    assert outcome.code == 0
    assert "token.hmac_secret signs HS256" in outcome.out


def test_a_token_is_explained_and_not_printed(cli, token, monkeypatch):
    """As an argument, and from standard input."""
    outcome = cli("diagnose", "token", token)
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{token}\n"))
    piped = cli("diagnose", "token", "-", "--json")

    assert (outcome.code, piped.json()["exit_code"]) == (0, 0)
    assert "'alice'" in outcome.out
    assert not any(part in outcome.out + piped.out for part in token.split("."))


def test_places_are_looked_at(cli, token):
    """URL, headers and cookies."""
    places = ("--client-url", f"wss://h/?jwt={token}", "--header", f"X-Token: {token}", "--cookie", "a=b", "--browser")
    outcome = cli("diagnose", "token", *places)

    assert outcome.code == 2
    assert "token_missing" in outcome.out
    assert "place_other_header" in outcome.out
    assert token not in outcome.out


def test_a_header_without_colon_is_bad_usage(cli, token):
    """It may be the token itself, so it is not repeated."""
    outcome = cli("diagnose", "token", "--header", token)

    assert outcome.code == 3
    assert token not in outcome.err


def test_a_gateway_is_asked(cli, fake_gateway, token):
    """The token goes in the body."""
    said = Diagnosis("token", (Finding("token_expired", "critical", "It has."),))
    fake_gateway.answers["/admin/diagnostics/token"] = httpx.Response(200, json=said.as_json())

    outcome = cli("diagnose", "token", token, "--kind", "connection", *URL)

    assert outcome.code == 2
    assert "token_expired" in outcome.out
    assert fake_gateway.sent() == {"token": token, "kind": "connection"}
    assert token not in str(fake_gateway.requests[-1].url)
    cli("diagnose", "token", *URL)
    assert fake_gateway.requests[-1].method == "GET"
    cli("diagnose", "token", "", *URL)
    assert fake_gateway.sent() == {"token": ""}


@pytest.mark.parametrize("answer", [{"x": 1}, [], {"service": "token", "findings": [{"check": 1}]}])
def test_another_answer_is_no_diagnosis(cli, fake_gateway, answer):
    """Another version, another server."""
    fake_gateway.answers["/admin/diagnostics/token"] = httpx.Response(200, json=answer)

    assert cli("diagnose", "token", *URL).code == 4


@pytest.fixture
def logins(monkeypatch):
    """What logins were made, and what they answer."""
    made = []
    results = [LoginResult(None, (Finding("login_refused", "critical", "No."),))]

    async def log_in(login):
        made.append((login.url, login.username, login.password))
        return results[-1]

    monkeypatch.setattr("holdfast.diagnostics.login.log_in", log_in)
    return made, results


LOGIN = ("diagnose", "token", "--login", "http://127.0.0.1/login", "--user", "anna")


def test_a_login_is_asked_with_a_password_that_nobody_sees(cli, logins, monkeypatch, token):
    """From standard input or a variable; a login that fails ends it there."""
    made, results = logins
    monkeypatch.setattr(sys, "stdin", io.StringIO("from stdin\n"))
    assert cli(*LOGIN, "--password-stdin").code == 2
    monkeypatch.setenv("LOGIN_PASSWORD", "from variable")
    results.append(LoginResult(token, (Finding("login", "ok", "Yes."),)))
    outcome = cli(*LOGIN)

    assert outcome.code == 0
    assert "login " in outcome.out
    assert "'alice'" in outcome.out
    assert [password for _, _, password in made] == ["from stdin", "from variable"]
    assert "from variable" not in outcome.out + outcome.err


def test_a_login_and_a_token_are_one_too_many(cli, logins, token):
    """Which of them is meant?"""
    assert cli(*LOGIN, token).code == 3
    assert not logins[0]


def test_a_key_set_that_hangs_is_given_up(cli, monkeypatch):
    """There is an answer all the same, that says what is missing."""
    monkeypatch.setenv("HOLDFAST_TOKEN__JWKS__URL", "http://127.0.0.1:9/keys")

    async def hang(_self):
        raise TimeoutError

    monkeypatch.setattr("holdfast.auth.validator.ImprovedTokenValidator.refresh_key_sets", hang)
    outcome = cli("diagnose", "token", "--json")

    assert outcome.code == 4
    assert json.loads(outcome.out)["findings"][-1]["check"] == "key_set"


def test_bare_leaves_out_one_line_break():
    """What `echo` adds; other blanks are the client's."""
    assert [diagnose_token.bare(text) for text in ("a\r\n", "a\n\n", " a ")] == ["a", "a\n", " a "]
