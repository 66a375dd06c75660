from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from holdfast.auth.passwords import Passwords
from holdfast.auth.users import Users
from holdfast.cli.demo_user import FRIEND, PASSWORD_FILE, USER, USERS_FILE, demo_login, demo_password, ensure_demo_user
from holdfast.cli.failure import CliError
from holdfast.settings import Settings

SECRET = {"token": {"hmac_secret": "s" * 32}}
DEMO = {**SECRET, "auth": {"enabled": True, "users_path": str(USERS_FILE), "password": {"memory": 1024}}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    USERS_FILE.parent.mkdir()


def opens(settings: Settings, password: str, name: str = USER) -> bool:
    """Tell whether a password opens a demo user's account."""
    users = Users(settings.auth)
    user = users.by_name(name)
    users.close()
    return user is not None and Passwords(settings.auth.password).verify(password, user.password_hash).is_right


def test_password_is_made_once_and_opens() -> None:
    """The same at each start, in a file of its owner alone."""
    settings = Settings.model_validate(DEMO)
    assert demo_password(settings) == ""
    ensure_demo_user(settings)
    first = demo_password(settings)
    ensure_demo_user(settings)

    assert demo_password(settings) == first
    assert opens(settings, first)
    assert opens(settings, first, FRIEND)
    assert stat.S_IMODE(PASSWORD_FILE.stat().st_mode) == 0o600


def test_password_that_was_changed_is_not_printed() -> None:
    """It would not open anything."""
    settings = Settings.model_validate(DEMO)
    ensure_demo_user(settings)
    users = Users(settings.auth)
    users.set_password(USER, Passwords(settings.auth.password).hash("another one"))
    users.close()
    ensure_demo_user(settings)

    assert demo_password(settings) == ""
    assert opens(settings, "another one")


def test_users_that_were_deleted_come_back() -> None:
    """With the password that was printed before."""
    settings = Settings.model_validate(DEMO)
    ensure_demo_user(settings)
    first = demo_password(settings)
    USERS_FILE.unlink()
    ensure_demo_user(settings)

    assert opens(settings, first)


def given(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """Let the password be in a file that cannot be written, as a Secret's cannot; who runs as root could."""
    PASSWORD_FILE.write_text(password)
    monkeypatch.setattr(os, "access", lambda path, mode: path != PASSWORD_FILE)


def test_password_that_is_given_opens_whatever_was_there_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Secret that has changed counts in a pod that starts again; the file is left as it is."""
    settings = Settings.model_validate(DEMO)
    for password in ("the first one\n", "the second one\n"):
        given(monkeypatch, password)
        ensure_demo_user(settings)

    assert opens(settings, "the second one")
    assert opens(settings, "the second one", FRIEND)
    assert PASSWORD_FILE.read_text() == "the second one\n"


def test_password_that_is_given_keeps_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account of the same generation in every pod, or one would refuse what another has begun."""
    settings = Settings.model_validate(DEMO)
    for password in ("the first one", "the second one"):
        given(monkeypatch, password)
        ensure_demo_user(settings)
    users = Users(settings.auth)
    generations = {user.generation for user in users.all()}
    users.close()

    assert generations == {1}


def test_password_that_is_given_and_empty_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could log in, and each pod would have another one."""
    given(monkeypatch, "\n")

    with pytest.raises(CliError, match="demo-password: expected the password"):
        ensure_demo_user(Settings.model_validate(DEMO))


def test_login_is_on_for_trying_things() -> None:
    """Unless the settings say something of it themselves, or tokens are signed elsewhere."""
    assert demo_login(Settings.model_validate(SECRET))["auth.enabled"] is True
    assert demo_login(Settings.model_validate({}))["auth.enabled"] is True
    assert demo_login(Settings.model_validate({"token": {"hmac_secret": "short"}})) == {}
    assert demo_login(Settings.model_validate({"auth": {"enabled": False}})) == {}
    assert demo_login(Settings.model_validate({"token": {"jwks": {"url": "https://login.example/keys"}}})) == {}


def test_crowd_of_one_comes_back_soon() -> None:
    """Unless the settings say over which time clients come back."""
    own = {"client": {"reconnect_window": 7}}

    assert demo_login(Settings.model_validate({}))["client.reconnect_window"] == 1.0
    assert "client.reconnect_window" not in demo_login(Settings.model_validate(own))


def test_login_of_ones_own_gets_no_demo_user() -> None:
    """Nobody is added to a real database."""
    settings = Settings.model_validate({**SECRET, "auth": {"enabled": True, "users_path": "mine.sqlite"}})
    ensure_demo_user(settings)

    assert demo_password(settings) == ""
    assert not Path("mine.sqlite").exists()
