"""Tests of holdfast.cli.first_run."""

import os
import shlex
import stat
from pathlib import Path

import jwt
import pytest

from holdfast.cli.failure import CliError
from holdfast.cli.first_run import dev_settings, ensure_local_file, lines_to_paste
from holdfast.cli.place import LOCAL_FILE
from holdfast.settings import Settings

SECRET = "a-secret-of-more-than-thirty-two-bytes"


def test_file_is_made_once_and_for_its_owner_alone():
    """The second start uses the secrets of the first."""
    assert ensure_local_file()
    first = LOCAL_FILE.read_text()

    assert not ensure_local_file()
    assert LOCAL_FILE.read_text() == first
    assert stat.S_IMODE(LOCAL_FILE.stat().st_mode) == 0o600
    assert stat.S_IMODE(LOCAL_FILE.parent.stat().st_mode) == 0o700


def test_secrets_differ_between_folders(tmp_path):
    """They are random, not part of the program."""
    ensure_local_file(tmp_path / "a" / "local.yaml")
    ensure_local_file(tmp_path / "b" / "local.yaml")

    assert (tmp_path / "a" / "local.yaml").read_text() != (tmp_path / "b" / "local.yaml").read_text()


def test_unwritable_folder_says_what_to_do(monkeypatch):
    """Where nothing can be written, the way out is named."""

    def fail(*_args: object, **_options: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", fail)

    with pytest.raises(CliError, match="--config"):
        ensure_local_file()


def test_settings_of_a_first_start_are_sound():
    """The file that is made has no fault and lets clients do everything."""
    loaded = dev_settings(None, {}, {})

    assert len(loaded.token.hmac_secret.get_secret_value()) >= 32
    assert loaded.api.keys
    assert loaded.channel.without_namespace.force_recovery
    assert loaded.broker.snapshot_path == LOCAL_FILE.parent / "history.snapshot"
    assert dev_settings(None, {}, {}).token == loaded.token


def test_environment_and_options_win():
    """HOLDFAST_PORT and --host count on a first start too."""
    loaded = dev_settings(None, {"HOLDFAST_PORT": "9000"}, {"host": "127.0.0.2"})

    assert (loaded.host, loaded.port) == ("127.0.0.2", 9000)


def test_named_settings_get_only_the_secrets_they_lack():
    """Somebody's own file keeps its secret; a missing API key is filled in."""
    Path("mine.yaml").write_text(f"token: {{hmac_secret: {SECRET}}}\n")

    loaded = dev_settings(None, {"HOLDFAST_CONFIG": "mine.yaml"}, {})

    assert loaded.token.hmac_secret.get_secret_value() == SECRET
    assert loaded.api.keys
    assert not loaded.channel.without_namespace.force_recovery


def test_complete_settings_stay_as_they_are():
    """Nothing is filled in where nothing is missing."""
    Path("mine.yaml").write_text(f"token: {{hmac_secret: {SECRET}}}\napi: {{keys: [the-only-key]}}\n")

    loaded = dev_settings(Path("mine.yaml"), {}, {})

    assert [key.get_secret_value() for key in loaded.api.keys] == ["the-only-key"]


def test_lines_have_a_token_that_the_secret_signed():
    """What is printed can be pasted: the command with the token, the curl line with the key."""
    loaded = dev_settings(None, {}, {})

    lines = lines_to_paste(loaded, "http://127.0.0.1:9000").splitlines()

    subscribe = shlex.split(next(line for line in lines if " subscribe " in line))
    curl = shlex.split(next(line for line in lines if line.strip().startswith("curl")))
    token = subscribe[subscribe.index("--token") + 1]
    assert jwt.decode(token, loaded.token.hmac_secret.get_secret_value(), algorithms=["HS256"])["sub"] == "alice"
    assert subscribe[subscribe.index("--url") + 1] == "http://127.0.0.1:9000"
    assert f"X-API-Key: {loaded.api.keys[0].get_secret_value()}" in curl
    assert curl[-1] == "http://127.0.0.1:9000/api/publish"


def test_lines_follow_the_internal_port():
    """With an internal port the API is there."""
    loaded = dev_settings(None, {"HOLDFAST_INTERNAL_PORT": "9001"}, {})

    assert "http://127.0.0.1:9001/api/publish" in lines_to_paste(loaded, "http://127.0.0.1:8000")


def test_lines_promise_no_channel_that_is_closed():
    """Where the settings do not open the channel of the example, the lines leave the name to the reader."""
    lines = lines_to_paste(Settings(), "http://127.0.0.1:8000")

    assert "a channel that your settings open" in lines
    assert "news" not in lines


def test_lines_without_secret_say_so():
    """A gateway that only checks public keys cannot make a token."""
    assert "none: no HMAC secret" in lines_to_paste(Settings(), "http://127.0.0.1:8000")


def test_lines_say_how_to_ask_what_happened():
    """From whatever folder, for the gateway is found by its own."""
    lines = lines_to_paste(dev_settings(None, {}, {}), "http://127.0.0.1:8123")

    [line] = [line for line in lines.splitlines() if "explain" in line]
    assert line.split(" && ")[0] == f"  cd {shlex.quote(str(Path.cwd()))}"
