from __future__ import annotations

import os
import sys

import pytest

from holdfast.cli.again import command_of, start_again


def test_command_is_the_same_at_the_same_port() -> None:
    """Also where a free port had been asked for, and however often it begins again."""
    first = command_of(["python", "-m", "holdfast", "serve", "--dev", "--port", "0"], 4321)

    assert first == [sys.executable, "-m", "holdfast", "serve", "--dev", "--port", "0", "--again", "4321"]
    assert command_of(first, 4321) == first


def test_start_again_becomes_that_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same process, which whoever watches it knows."""
    called: list[object] = []
    monkeypatch.setattr(os, "execv", lambda *given: called.append(given))
    monkeypatch.setattr(sys, "orig_argv", ["python", "holdfast", "serve"])
    start_again(80)

    assert called == [(sys.executable, [sys.executable, "holdfast", "serve", "--again", "80"])]
