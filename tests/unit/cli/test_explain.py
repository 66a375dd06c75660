from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from holdfast.cli import explain_admin
from holdfast.cli.explain import moment_of, span_of
from holdfast.cli.explain_admin import Remembered
from holdfast.cli.failure import CliError
from holdfast.cli.program import run
from holdfast.diagnostics.explanation import Source
from holdfast.errors import ConfigError

LINE = {"time": "2023-11-14T22:13:20.000Z", "level": "info", "event": "connection_closed", "user": "42"}


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No gateway answers, and no settings file lies about."""
    nothing = Remembered(sources=[Source("http://x", None, note="no gateway answered")])
    monkeypatch.setattr(explain_admin, "ask_gateway", lambda *_: nothing)
    monkeypatch.chdir(tmp_path)
    for name in ("HOLDFAST_CONFIG", "HOLDFAST_LOG__FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with a cause of which something is to be said."""
    path = tmp_path / "gateway.log"
    path.write_text(json.dumps({**LINE, "slug": "no_pong"}) + "\n")
    return path


@pytest.mark.parametrize(("slug", "code"), [("no_pong", 1), ("client_closed", 0)])
def test_exit_code_is_that_of_what_happened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], slug: str, code: int
) -> None:
    """1 where something went wrong."""
    path = tmp_path / "gateway.log"
    path.write_text(json.dumps({**LINE, "slug": slug}) + "\n")

    assert run(["explain", "42", "--log", str(path)]) == code
    assert slug in capsys.readouterr().out


def test_nothing_known_exits_4(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And says what was looked at."""
    assert run(["explain", "43", "--log", str(log)]) == 4
    out = capsys.readouterr().out
    assert "not to say that nothing happened" in out
    assert "http://x: could not be looked at: no gateway answered" in out


def test_json_is_for_programs(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything in one object."""
    assert run(["explain", "42", "--log", str(log), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["causes"][0]["slug"] == "no_pong"


def test_standard_input_is_a_log(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a journal prints can be piped in."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(log.read_bytes())))

    assert run(["explain", "42", "--log", "-"]) == 1
    assert "\n  standard input: back to" in capsys.readouterr().out


def test_log_of_the_settings_is_read(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the gateway's own machine nothing has to be named; for a gateway elsewhere it would be the wrong file."""
    monkeypatch.setenv("HOLDFAST_LOG__FILE", str(log))

    assert run(["explain", "42"]) == 1
    assert run(["explain", "42", "--url", "http://elsewhere"]) == 4


def test_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped name must not read as "nothing known"."""
    assert run(["explain", "42", "--log", str(tmp_path / "x.log")]) == 4
    assert "there is no file" in capsys.readouterr().err
    assert run(["explain", "42", "--log", str(tmp_path)]) == 4
    assert "is a folder" in capsys.readouterr().err


def test_until_leaves_out_what_came_later(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody asks what happened at 14:05, and not since then."""
    assert run(["explain", "42", "--log", str(log), "--until", "1971-01-01"]) == 4


def test_settings_with_faults_leave_the_log(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They may be why somebody asks; without a file there is nothing else to look into."""

    def fail(*_: object) -> None:
        raise ConfigError(["missing.yaml: expected a file"])

    monkeypatch.setattr("holdfast.cli.explain_admin.ask_gateway", fail)

    assert run(["explain", "42", "--log", str(log)]) == 1
    assert "missing.yaml" in capsys.readouterr().out
    assert run(["explain", "42"]) == 3


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("90m", 1000.0 - 5400),
        ("60", 940.0),
        ("1970-01-01T00:10:00Z", 600.0),
        ("1970-01-01", 0.0),
        ("00:05", 300.0),
        ("00:16:41", 1001.0 - 86400),
    ],
)
def test_moment_is_one_or_so_long_ago(text: str, moment: float | None) -> None:
    """Either way, or what a clock showed last."""
    assert moment_of("--since", text, 1000.0) == moment


def test_span_has_its_end_behind_its_beginning() -> None:
    """Also where the end is still to come: 00:20 asked for at 00:16 is not yesterday's."""
    assert span_of("00:10", "00:20", 1000.0) == (600.0, 1200.0)
    assert span_of("", "", 1000.0).has(1.0)
    with pytest.raises(CliError, match="--until"):
        span_of("1970-01-02", "1970-01-01", 1000.0)


def test_nonsense_is_a_usage_error(log: Path) -> None:
    """With what was expected."""
    with pytest.raises(CliError, match="--until: expected 90m"):
        moment_of("--until", "yesterday", 1000.0)

    assert run(["explain", "", "--log", str(log)]) == 3
