"""HAProxy is reloaded exactly where it runs with another configuration than the one that is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.scripts.collection import plugin

config = plugin("modules.balancer_config")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("global\n    description holdfast-1\n    user x\n", "holdfast-1"),
        ("global\n  # description of it\n", ""),
        ("", ""),
    ],
)
def test_configuration_names_itself(tmp_path: Path, text: str, name: str) -> None:
    """By a line of its own; one of somebody else's has none."""
    path = tmp_path / "haproxy.cfg"
    path.write_text(text)

    assert config.written(str(path)) == name
    assert config.written(str(tmp_path / "none")) == ""


@pytest.mark.parametrize(
    ("running", "wanted", "taken"),
    [("a", "a", True), ("a", "b", False), (None, "a", False), (None, "", True), ("a", "", False), ("", "a", False)],
)
def test_what_runs_is_compared_with_what_is_written(running: str | None, wanted: str, taken: bool) -> None:
    """One that nobody can ask is taken for another one, but where nothing of ours is wanted."""
    assert config.is_taken(running, wanted) is taken


def test_reload_that_haproxy_refuses_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once where systemd says so, else when it still runs with the old one; the words of its log are there."""
    told: list[tuple[str, ...]] = []

    def run(*words: str, **_: Any) -> tuple[int, str]:
        told.append(words)
        return (0, "cannot bind") if words[0] == "journalctl" else (0, "")

    monkeypatch.setattr(config.units, "run", run)
    monkeypatch.setattr(config, "running", lambda path: "old")

    assert "cannot bind" in config.reload("new", "socket", 0.0)
    assert config.reload("old", "socket", 0.0) == ""
    monkeypatch.setattr(config.units, "run", lambda *words, **_: (1, "Job failed"))
    assert config.reload("old", "socket", 0.0) == "systemctl reload haproxy.service ended with 1: Job failed"
