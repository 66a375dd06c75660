"""Tests of scripts/containers/builders.py, with programs played by stand-ins."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.contract.source import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from containers.builders import Builder, find
from containers.problem import ContainerError


def program(folder: Path, name: str, script: str) -> str:
    """Make a program and return its path."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def docker(version: str, buildx: bool) -> str:
    """Return the script of a Docker client that reaches its daemon."""
    told = f'{{"Client":{{"Version":"{version}"}}}}'
    return f"case $1 in version) echo '{told}';; buildx) exit {0 if buildx else 1};; esac"


def test_find_takes_docker_with_buildx(tmp_path: Path) -> None:
    """The usual case."""
    path = program(tmp_path / "a", "docker", docker("28.2.2", buildx=True))

    assert find(path=str(tmp_path / "a")) == Builder("docker", path)


def test_find_passes_a_client_that_cannot_build(tmp_path: Path) -> None:
    """A client without its plug-in may stand before an older one that needs none."""
    program(tmp_path / "a", "docker", docker("28.2.2", buildx=False))
    path = program(tmp_path / "b", "docker", docker("20.10.24", buildx=False))

    assert find(path=f"{tmp_path / 'a'}:{tmp_path / 'b'}").program == path


def test_find_goes_on_to_the_next(tmp_path: Path) -> None:
    """Docker without a daemon is no builder; Buildah needs none."""
    program(tmp_path / "a", "docker", "exit 1")
    path = program(tmp_path / "a", "buildah", "exit 0")

    assert find(path=str(tmp_path / "a")) == Builder("buildah", path)


def test_find_says_why_there_is_none(tmp_path: Path) -> None:
    """Each has its reason, and there is something to do."""
    program(tmp_path / "a", "docker", "exit 1")

    with pytest.raises(ContainerError) as raised:
        find(path=str(tmp_path / "a"))

    assert "reaches no daemon" in str(raised.value)
    assert "podman: not installed" in str(raised.value)
    assert "apt-get install buildah" in str(raised.value)


def test_find_knows_three_names() -> None:
    """A name that there is not is told with those that there are."""
    with pytest.raises(ContainerError, match="expected one of docker, podman, buildah, saw 'kaniko'"):
        find("kaniko")


@pytest.mark.parametrize(("name", "has_format"), [("docker", False), ("podman", True), ("buildah", True)])
def test_build_words_keep_the_health_check(name: str, has_format: bool) -> None:
    """The OCI's format has none, so that it is asked for Docker's where the other one is the default."""
    words = Builder(name, name).build_words(Path("Dockerfile"), "tag", {"SOURCE_DATE_EPOCH": "7", "VERSION": "1"})

    assert ("--format" in words) is has_format
    assert ("--timestamp" in words) is has_format
    assert "VERSION=1" in words
    assert ("SOURCE_DATE_EPOCH=7" in words) is not has_format
