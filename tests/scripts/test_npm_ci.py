"""Tests of scripts/npm_ci.py, with npm and apt-get played by stand-ins."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pytest

from tests.contract.source import ROOT


@pytest.fixture
def npm_ci(tmp_path, monkeypatch) -> ModuleType:
    """Load the script for a checkout of its own, on a machine that has only what a test puts there."""
    monkeypatch.syspath_prepend(ROOT / "scripts")
    spec = importlib.util.spec_from_file_location("npm_ci_under_test", ROOT / "scripts" / "npm_ci.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("INSTALL_PARTS", raising=False)
    (tmp_path / "sdk").mkdir()
    (tmp_path / "sdk" / "package-lock.json").write_text("{}")
    return module


def program(root: Path, name: str, script: str) -> Path:
    """Put a program on the PATH that writes its arguments down; return where."""
    log = root / f"{name}.log"
    path = root / "bin" / name
    path.write_text(f'#!/bin/sh\necho "$@" >> {log}\n{script}\n')
    path.chmod(0o755)
    return log


def test_packages_are_installed_once_per_lock(npm_ci):
    """`npm ci` runs for a new or changed lock file only, and not where there is none."""
    log = program(npm_ci.ROOT, "npm", "")
    (npm_ci.ROOT / "without").mkdir()

    for _ in range(2):
        assert npm_ci.main(["sdk", "without"]) == 0
    (npm_ci.ROOT / "sdk" / "package-lock.json").write_text("{ }")
    npm_ci.main(["sdk"])

    assert [line.split()[0] for line in log.read_text().splitlines()] == ["ci", "ci"]


def test_failure_names_the_folder(npm_ci, capsys):
    """Exit 4, and no stamp that would hide the failure next time."""
    program(npm_ci.ROOT, "npm", "exit 1")

    assert npm_ci.main(["sdk"]) == 4
    assert "npm ci failed in sdk" in capsys.readouterr().err
    assert not (npm_ci.ROOT / "sdk" / npm_ci.STAMP).exists()


def test_missing_npm_is_installed_by_root_on_debian(npm_ci, monkeypatch):
    """Nobody has to be asked there."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    npm = npm_ci.ROOT / "bin" / "npm"
    log = program(npm_ci.ROOT, "apt-get", f'printf "#!/bin/sh\\n" > {npm}\n/bin/chmod 755 {npm}')

    assert npm_ci.main(["sdk"]) == 0
    assert [line.split()[3:] for line in log.read_text().splitlines()] == [["update"], ["install", "nodejs", "npm"]]
    assert (npm_ci.ROOT / "sdk" / npm_ci.STAMP).exists()


@pytest.mark.parametrize(("user", "wish"), [(1000, ""), (0, "no")])
def test_missing_npm_is_left_missing_elsewhere(npm_ci, monkeypatch, capsys, user, wish):
    """Without root, or where it is not wanted, the tests skip instead; nothing fails here."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setenv("INSTALL_PARTS", wish)
    log = program(npm_ci.ROOT, "apt-get", "")

    assert npm_ci.main(["sdk"]) == 0
    assert "npm is missing" in capsys.readouterr().err
    assert not log.exists()
