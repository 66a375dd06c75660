"""Tests of scripts/deploy/kubernetes/programs.py: which kubectl and Helm are taken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

from deploy.kubernetes import programs
from deploy.problems import DeployError


def made(folder: Path) -> str:
    """Make a program `helm` and return its path."""
    folder.mkdir()
    path = folder / "helm"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_program_is_that_of_the_variable_then_of_path_then_the_fetched_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names one gets that one, or is told that it is not there."""
    monkeypatch.setattr(programs, "FETCHED", tmp_path / "fetched")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))

    with pytest.raises(DeployError, match="helm is missing") as refused:
        programs.program("helm", {})
    fetched = made(tmp_path / "fetched")
    assert programs.program("helm", {}) == fetched
    installed = made(tmp_path / "bin")
    assert programs.program("helm", {}) == installed
    assert programs.program("helm", {"HELM": fetched}) == fetched
    with pytest.raises(DeployError, match="/nowhere/helm is missing"):
        programs.program("helm", {"HELM": "/nowhere/helm"})
    assert "make helm" in refused.value.following
