"""Audit lines and the lock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.audit import audit_path, locked, who, write_line


def test_where_lines_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option, the instances file, the user's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert audit_path(None, "") == tmp_path / "holdfast" / "audit.jsonl"
    assert audit_path(None, "/b") == Path("/b")
    assert audit_path(Path("/c"), "/b") == Path("/c")


def test_line(tmp_path: Path) -> None:
    """One line of JSON each, with the moment; whatever is in a text, it stays one line."""
    file = tmp_path / "new" / "audit.jsonl"
    write_line(file, {"why": "a\nb"})
    write_line(file, {"why": "c"})
    lines = [json.loads(line) for line in file.read_text().splitlines()]

    assert [line["why"] for line in lines] == ["a\nb", "c"]
    assert lines[0]["time"].endswith("Z")


def test_who_is_behind_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The person, not root."""
    monkeypatch.setenv("SUDO_USER", "ann")
    assert who().startswith("ann@")
    monkeypatch.delenv("SUDO_USER")
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid")))
    assert who()[0].isdigit()


def test_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Holds for the same instances only, and ends with its block."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with locked(None, "http://a"), locked(None, "http://b"):
        with pytest.raises(CliError, match="another script") as raised, locked(None, "http://a"):
            pass
        assert raised.value.code == Exit.REFUSED
    with locked(None, "http://a"):
        pass
