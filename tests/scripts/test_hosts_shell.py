"""Tests of scripts/hosts/shell.py, with small programs of the shell."""

from __future__ import annotations

import sys
import time

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from hosts.shell import HostsError, run, succeeds, wait_until


def test_run_returns_what_is_printed(tmp_path):
    """Also in another folder."""
    assert run("pwd", folder=tmp_path).strip() == str(tmp_path)


def test_run_names_the_program_that_is_missing():
    """The text can be acted on."""
    with pytest.raises(HostsError, match="`no-such-program` is not installed"):
        run("no-such-program")


def test_run_shows_the_last_words_of_what_failed():
    """The exit code and the reason are in one line."""
    with pytest.raises(HostsError, match="ended with 3: no such bridge"):
        run("sh", "-c", "echo no such bridge >&2; exit 3")


def test_run_is_bounded():
    """What hangs is given up."""
    with pytest.raises(HostsError, match="did not end within"):
        run("sleep", "60", timeout=0.1)


def test_succeeds_tells_the_outcome():
    """Nothing is raised."""
    assert succeeds("true")
    assert not succeeds("false")


def test_wait_ends_with_the_condition():
    """It asks until it holds."""
    answers = iter([False, False, True])

    assert wait_until(lambda: next(answers), 60, every=0)


def test_wait_ends_with_its_time():
    """It says that the condition never held."""
    started = time.monotonic()

    assert not wait_until(lambda: False, 0.05, every=0.01)
    assert time.monotonic() - started < 30
