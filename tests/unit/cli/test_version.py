"""Tests of holdfast.cli.version."""

import platform

from holdfast import __version__
from holdfast.cli import version


def test_version_is_one_line(cli):
    """The plain form is what a script compares."""
    assert cli("version").out == f"holdfast {__version__}\n"


def test_version_json_names_libraries(cli):
    """A bug report can say what ran."""
    shown = cli("version", "--json").json()

    assert shown["holdfast"] == __version__
    assert shown["python"] == platform.python_version()
    assert shown["uvicorn"].startswith("0.54.")


def test_version_json_survives_a_missing_library(cli, monkeypatch):
    """A library that is not installed is null."""
    monkeypatch.setattr(version, "LIBRARIES", ("no-such-library",))

    assert cli("version", "--json").json()["no-such-library"] is None
