"""Tests of scripts/containers/files.py: what `make up` starts containers with."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
import yaml

from holdfast.profile import load
from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from containers import files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / files.FOLDER


def test_write_all_makes_settings_that_can_be_used(folder: Path) -> None:
    """The profile's numbers and what lets a new user try things, together."""
    written = files.write_all(load("local"), None)
    loaded = files.loaded()

    assert written.gateways == ["gateway-1", "gateway-2"]
    assert loaded.admission.max_connections == 4000
    assert loaded.channel.without_namespace.allow_subscribe_for_client


def test_write_all_makes_secrets_once(folder: Path) -> None:
    """A second start goes on with them; nobody else may read them, and no other file has them."""
    files.write_all(load("local"), None)
    before = files.ensure_secrets()
    files.write_all(load("local"), None)

    assert files.ensure_secrets() == before
    assert len(set(before.values())) == len(files.SECRETS)
    assert {stat.S_IMODE(one.stat().st_mode) for one in (folder / "secrets").iterdir()} == {0o600}
    others = "".join(one.read_text() for one in folder.glob("*.*"))
    assert not [name for name, secret in before.items() if secret.strip('[]"') in others]


def test_write_all_tells_what_is_new(folder: Path) -> None:
    """Other settings restart gateways, another configuration reloads HAProxy; a first start is neither."""
    first = files.write_all(load("local"), None)
    again = files.write_all(load("local"), None)
    (folder / "own.yaml").write_text("client: {ping_interval: 20s}\n")
    changed = files.write_all(load("local"), None)
    larger = files.write_all(load("production"), None)

    assert first == again
    assert changed.digest != again.digest
    assert [one.is_balancer_new for one in (first, again, changed, larger)] == [False, False, False, True]


def test_write_all_leaves_own_settings_alone(folder: Path) -> None:
    """They are the user's, win over the profile's, and what they do not say stays the profile's."""
    files.write_all(load("local"), None)
    (folder / "own.yaml").write_text("client: {ping_interval: 7}\n")
    files.write_all(load("local"), None)

    settings = yaml.safe_load((folder / "holdfast.yaml").read_text())
    assert settings["client"]["ping_interval"] == 7
    assert settings["client"]["pong_timeout"] == 8
    assert (folder / "own.yaml").read_text() == "client: {ping_interval: 7}\n"


def test_write_demo_gives_each_gateway_the_same_users(folder: Path) -> None:
    """Whichever gateway is asked knows the password; it is made once."""
    names = files.write_all(load("local"), None).gateways
    path = files.write_demo(names, None)
    password = files.demo_password(names)
    files.write_demo(names, None)

    copies = [(folder / "demo" / name / "users.sqlite").read_bytes() for name in names]
    assert copies[0] == copies[1]
    assert password
    assert files.demo_password(names) == password
    assert yaml.safe_load(path.read_text())["services"]["gateway-2"]["command"] == ["serve", "--dev", "--quiet"]


def test_users_of_redis_have_no_password_in_them() -> None:
    """The file that Redis reads has its digest."""
    text = files.users("the-password")

    assert "the-password" not in text
    assert "user default off" in text
