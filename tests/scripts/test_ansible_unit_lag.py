"""A unit that lags behind its files is told, since a run that was cut off gets to no handler."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.scripts.collection import plugin

lag = plugin("modules.unit_lag_info")


def test_files_that_systemd_has_not_read_are_told() -> None:
    """And nothing where it has."""
    assert lag.lags({"NeedDaemonReload": "no"}, None, None) == []
    assert lag.lags({"NeedDaemonReload": "yes"}, None, None) == ["systemd has not read its files yet"]


def test_process_with_other_arguments_than_its_file_is_told() -> None:
    """One that does not run, or a file without them, lags in nothing."""
    assert lag.lags({}, ["--a"], ["--a"]) == lag.lags({}, None, ["--a"]) == lag.lags({}, ["--a"], None) == []
    assert lag.lags({}, ["--a"], ["--b=1", "--c"]) == ["its process runs with --a, its file says --b=1 --c"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('# ARGS="--x"\nARGS="--a=:9100 --b"\n', ["--a=:9100", "--b"]),
        ("ARGS=\n", []),
        ("OTHER=1\n", None),
        ('ARGS="--a\n', None),
    ],
)
def test_arguments_are_read_from_a_file(tmp_path: Path, text: str, words: list[str] | None) -> None:
    """As the unit of Debian has them, in one variable."""
    path = tmp_path / "exporter"
    path.write_text(text)

    assert lag.words_in(str(path), "ARGS") == words
    assert lag.words_in(str(tmp_path / "none"), "ARGS") is None


def test_arguments_of_a_process_are_read() -> None:
    """None where there is no process."""
    words = lag.words_of(os.getpid())

    assert words is not None
    assert words == sys.orig_argv[1:]
    assert lag.words_of(0) is None
