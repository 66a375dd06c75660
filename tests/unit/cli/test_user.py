"""`holdfast user`, on a database in an empty folder, beside a gateway that is played."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import pytest

from holdfast.cli.place import LOCAL_FILE

PATH = "/admin/sessions"
SETTINGS = """\
token: {hmac_secret: 0123456789abcdef0123456789abcdef}
admin: {token: word}
auth: {enabled: true, users_path: users.sqlite, password: {memory: 1024, iterations: 1}}
"""


@pytest.fixture(autouse=True)
def settings() -> None:
    """Have settings with a login."""
    Path("holdfast.yaml").write_text(SETTINGS)


@pytest.fixture
def gateway(fake_gateway):
    """A gateway that ends sessions."""
    fake_gateway.answers[PATH] = httpx.Response(200, json={"sessions": 2, "disconnected": 3})
    return fake_gateway


@pytest.fixture
def typed(monkeypatch):
    """Put lines on standard input."""

    def put(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return put


def test_add_with_a_password_made_here(cli):
    """The password is the result, everything else is not."""
    outcome = cli("user", "add", "Ada", "--id", "42", "--generate")

    assert outcome.code == 0
    assert len(outcome.out.strip()) == 16
    assert "'42'" in outcome.err
    assert cli("user", "list", "--json").json()[0] | {"created_at": 0} == {
        "name": "Ada",
        "id": "42",
        "is_disabled": False,
        "created_at": 0,
    }


def test_add_with_a_password_from_standard_input(cli, typed):
    """It is neither printed nor an argument."""
    typed("correct horse\n")
    outcome = cli("user", "add", "Ada", "--password-stdin")

    assert outcome.code == 0
    assert "horse" not in outcome.out + outcome.err
    assert "ada" in cli("user", "list").out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("ADA", "--generate"), 2, "already"),
        (("bob", "--id", "ada", "--generate"), 2, "already"),
        ((" ", "--generate"), 3, "blanks"),
        (("bob", "--id", "x" * 200, "--generate"), 3, "--id"),
        (("bob", "--password-stdin"), 3, "at least 8"),
        (("bob", "--password-stdin", "--generate"), 3, "one of"),
        (("bob",), 3, "nobody to ask"),
    ],
)
def test_add_that_cannot_be(cli, typed, arguments, code, said):
    """It says what was expected, and nothing was added."""
    cli("user", "add", "ada", "--generate")
    typed("short\n")
    outcome = cli("user", "add", *arguments)

    assert outcome.code == code
    assert said in outcome.err
    assert len(cli("user", "list", "--json").json()) == 1


def test_disable_ends_what_lives(cli, gateway):
    """The running gateway is told, and how much it ended is said."""
    cli("user", "add", "Ada", "--id", "42", "--generate")
    outcome = cli("user", "disable", "ada", "--reason", "left")

    assert outcome.code == 0
    assert "2 session(s), closed 3 connection(s)" in outcome.err
    assert gateway.sent() == {"user": "42", "reason": "left"}
    assert "disabled" in cli("user", "list").out
    assert cli("user", "enable", "ada").code == 0
    assert "disabled" not in cli("user", "list").out


def test_password_ends_what_lives(cli, gateway, typed):
    """Who has the former one is out."""
    cli("user", "add", "ada", "--generate")
    typed("correct horse\n")

    assert cli("user", "password", "ada", "--password-stdin").code == 0
    assert gateway.sent()["user"] == "ada"
    assert len(cli("user", "password", "ada", "--generate").out.strip()) == 16


def test_gateway_that_does_not_run_is_told_of(cli, fake_gateway):
    """The account is disabled all the same, and until when something may live is said."""
    fake_gateway.is_down = True
    cli("user", "add", "ada", "--generate")
    outcome = cli("user", "disable", "ada")

    assert outcome.code == 1
    assert "could not be told" in outcome.err
    assert "within 625 s" in outcome.err
    assert "disabled" in cli("user", "list").out


@pytest.mark.parametrize("command", ["disable", "enable", "password"])
def test_unknown_user_is_refused(cli, command):
    """Nothing was changed."""
    outcome = cli("user", command, "nobody")

    assert outcome.code == 2
    assert "no user 'nobody'" in outcome.err


def test_settings_without_users_are_named(cli):
    """It says what to set."""
    Path("holdfast.yaml").write_text("")

    assert "auth.users_path" in cli("user", "list").err
    assert cli("user", "list").code == 3


def test_users_of_make_run_are_found(cli):
    """Beside `make run` no option is needed."""
    Path("holdfast.yaml").unlink()
    LOCAL_FILE.parent.mkdir()
    LOCAL_FILE.write_text("token: {hmac_secret: 0123456789abcdef0123456789abcdef}\n")

    assert cli("user", "list").out == "There are no users.\n"
    assert (LOCAL_FILE.parent / "users.sqlite").exists()
