"""The files of scripts/ find the Python that has Holdfast."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import ops


def test_script_is_the_command():
    """Its options and exit codes are those of `holdfast ops`."""
    script = [sys.executable, str(ROOT / "scripts" / "drain_instance.py")]
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    helped = subprocess.run([*script, "--help"], capture_output=True, text=True, env=environment, check=False)
    refused = subprocess.run([*script, "--no-such"], capture_output=True, text=True, env=environment, check=False)

    assert (helped.returncode, refused.returncode) == (0, 3)
    assert "holdfast ops drain-instance" in helped.stdout


def test_python_without_holdfast_hands_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """To that of the checkout, with the same arguments; without one it says what to do."""
    started: list[list[str]] = []
    monkeypatch.setattr(ops, "find_spec", lambda name: None)
    monkeypatch.setattr(os, "execv", lambda path, words: started.append(words) or sys.exit(0))
    monkeypatch.setattr(sys, "argv", ["drain_instance.py", "a"])
    python = tmp_path / "python"
    monkeypatch.setattr(ops, "VENV", python)
    assert ops.main("drain-instance") == 4

    python.touch()
    with pytest.raises(SystemExit):
        ops.main("drain-instance")
    assert started == [[str(python), "drain_instance.py", "a"]]
