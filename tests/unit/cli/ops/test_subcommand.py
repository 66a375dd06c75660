"""Other commands as programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.ops import subcommand


@pytest.mark.parametrize(("out", "answer"), [('{"a": 1}\n', {"a": 1}), ("", {}), ("[1]", {}), ("text", {})])
def test_run(monkeypatch: pytest.MonkeyPatch, out: str, answer: dict[str, int]) -> None:
    """With this Python and these settings; what is no JSON object is none."""
    called: list[list[str]] = []

    def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        called.append(command)
        return subprocess.CompletedProcess(command, 2, out, " said \n")

    monkeypatch.setattr(subprocess, "run", run)

    assert subcommand.run("state", "inspect", "f", config=Path("c.yaml")) == (2, answer, "said")
    assert called == [[sys.executable, "-m", "holdfast", "state", "inspect", "f", "--json", "--config", "c.yaml"]]
