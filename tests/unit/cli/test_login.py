"""Tests of holdfast.cli.login."""

from __future__ import annotations

import io
import sys

import pytest

from holdfast.cli.failure import CliError
from holdfast.cli.login import PASSWORD_VARIABLE, USERNAME_VARIABLE, login_of

URL = "https://auth.test/login"


@pytest.fixture(autouse=True)
def _nobody(monkeypatch):
    """No terminal and no variables, unless a test says otherwise."""
    monkeypatch.delenv(USERNAME_VARIABLE, raising=False)
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO("from stdin\n"))


def test_without_the_option_there_is_no_login() -> None:
    """And nobody is asked."""
    assert login_of("", "anna", password_stdin=True) is None


def test_name_and_password_come_from_options_first(monkeypatch) -> None:
    """Then from variables."""
    monkeypatch.setenv(USERNAME_VARIABLE, "bert")
    monkeypatch.setenv(PASSWORD_VARIABLE, "from variable")
    given, other = login_of(URL, "anna", password_stdin=True), login_of("auth.test/login", "", password_stdin=False)

    assert given is not None
    assert (given.url, given.username, given.password) == (URL, "anna", "from stdin")
    assert other is not None
    assert (other.url, other.username, other.password) == (URL, "bert", "from variable")


def test_what_is_missing_is_asked_at_a_terminal(monkeypatch) -> None:
    """The password without an echo."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("typer.prompt", lambda what, **options: f"{what} {options['hide_input']}")
    found = login_of(URL, "", password_stdin=False)

    assert found is not None
    assert (found.username, found.password) == ("User name False", "Password True")


@pytest.mark.parametrize(("user", "words"), [("", USERNAME_VARIABLE), ("anna", PASSWORD_VARIABLE)])
def test_without_a_terminal_the_ways_to_say_it_are_named(user: str, words: str) -> None:
    """A program is not left waiting."""
    with pytest.raises(CliError, match=words):
        login_of(URL, user, password_stdin=False)


def test_url_of_no_login_is_refused() -> None:
    """Before a password is asked for."""
    with pytest.raises(CliError, match="--login"):
        login_of("ftp://auth.test", "", password_stdin=False)
