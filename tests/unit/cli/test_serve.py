"""Tests of holdfast.cli.serve."""

from pathlib import Path

import pytest

from holdfast.cli.demo_user import demo_password
from holdfast.cli.running import running
from holdfast.errors import BrokerError

SECRET = "a-secret-of-more-than-thirty-two-bytes"


@pytest.fixture
def started(monkeypatch):
    """Catch what would be run instead of running it."""
    calls = []

    def run(settings, on_started=None, dev=None):
        calls.append((settings, on_started, dev))
        return 0

    monkeypatch.setattr("holdfast.main.run", run)
    return calls


def test_serve_passes_options_over_settings(cli, started, monkeypatch):
    """Options win over the environment."""
    monkeypatch.setenv("HOLDFAST_PORT", "9000")

    outcome = cli("serve", "--host", "127.0.0.2", "--port", "9001")

    assert outcome.code == 0
    assert (started[0][0].host, started[0][0].port) == ("127.0.0.2", 9001)


def test_serve_makes_no_secrets_by_itself(cli, started):
    """Only --dev writes a file."""
    cli("serve")

    assert not list(Path.cwd().iterdir())
    assert started[0][1:] == (None, None)


def test_serve_dev_prints_lines_once_it_listens(cli, started, capsys):
    """The lines name the address that was really bound."""
    cli("serve", "--dev")
    settings, on_started, _ = started[0]

    on_started("http://127.0.0.1:12345")

    assert "http://127.0.0.1:12345" in capsys.readouterr().out
    assert settings.token.hmac_secret.get_secret_value()


def test_serve_dev_quiet_prints_no_secret(cli, started, capsys):
    """What a container prints is kept by whoever collects logs."""
    cli("serve", "--dev", "--quiet")
    settings, on_started, _ = started[0]

    on_started("http://127.0.0.1:12345")

    said = capsys.readouterr().out
    assert said.strip() == "Started on http://127.0.0.1:12345"
    assert demo_password(settings)


def test_serve_exits_with_the_code_of_the_run(cli, monkeypatch):
    """A port that is taken ends in 2."""
    monkeypatch.setattr("holdfast.main.run", lambda *_args, **_options: 2)

    assert cli("serve").code == 2


def test_serve_dev_that_did_not_start_names_another_port(cli, monkeypatch):
    """Whoever types `make run` with something else on the port is told the next line to type."""
    monkeypatch.setattr("holdfast.main.run", lambda *_args, **_options: 2)

    outcome = cli("serve", "--dev")

    assert outcome.code == 2
    assert "HOLDFAST_PORT=8001 make run" in outcome.err


def test_serve_dev_notes_where_it_runs_and_no_longer(cli, monkeypatch):
    """A second one beside it is told, exits 3 and starts nothing; afterwards nothing runs here."""
    seen = []

    def run(settings, on_started, dev):
        on_started("http://127.0.0.1:8123")
        monkeypatch.setattr("holdfast.main.run", lambda *_args, **_options: seen.append("second"))
        seen.append((running().public, cli("serve", "--dev", "--port", "8123")))
        return 0

    monkeypatch.setattr("holdfast.main.run", run)
    cli("serve", "--dev", "--port", "8123")

    [(public, second)] = seen
    assert (public, second.code) == ("http://127.0.0.1:8123", 3)
    assert "already runs in this folder, at http://127.0.0.1:8123" in second.err
    assert running() is None


def test_serve_with_faulty_settings_exits_three(cli, started):
    """Nothing is started."""
    assert cli("serve", "--port", "70000").code == 3
    assert not started


@pytest.mark.parametrize(("asked", "code", "begins"), [(True, 0, [8123]), (False, 0, []), (True, 1, [])])
def test_serve_dev_begins_again_when_its_switch_said_so(cli, monkeypatch, asked, code, begins):
    """At the port that it had, and never by itself."""
    ports = []

    def run(settings, on_started, dev):
        on_started("http://127.0.0.1:8123")
        dev.is_restart_asked = asked
        return code

    monkeypatch.setattr("holdfast.main.run", run)
    monkeypatch.setattr("holdfast.cli.again.start_again", ports.append)
    cli("serve", "--dev", "--port", "0")

    assert ports == begins


def test_serve_dev_that_began_again_says_so_in_one_line(cli, started, capsys):
    """What is to be pasted stands above."""
    cli("serve", "--dev", "--again", "8123")
    settings, on_started, _ = started[0]
    on_started("http://127.0.0.1:8123")

    assert settings.port == 8123
    assert capsys.readouterr().out.splitlines()[-1] == "Started again on http://127.0.0.1:8123"


def test_serve_leaves_its_last_word_where_settings_cannot_be_read(cli, started, monkeypatch):
    """The variable alone says where, because the settings that name it are the ones that cannot be used."""
    monkeypatch.setenv("HOLDFAST_TERMINATION_MESSAGE_PATH", "word")
    monkeypatch.setenv("HOLDFAST_PORT", "many")

    assert cli("serve").code == 3
    assert "HOLDFAST_PORT" in Path("word").read_text()


def test_serve_leaves_its_last_word_where_the_file_says(cli, monkeypatch):
    """A path in the settings file counts for what fails once it is read."""
    Path("holdfast.yaml").write_text("termination_message_path: word\n")

    def run(settings, **_options):
        raise BrokerError("broker_unavailable", "it is gone")

    monkeypatch.setattr("holdfast.main.run", run)

    assert cli("serve").code == 2
    assert Path("word").read_text().startswith("broker_unavailable: ")
