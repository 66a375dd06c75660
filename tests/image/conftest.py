"""One Docker and one image for all tests of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.contract.source import ROOT
from tests.image import engine, scraps
from tests.image.engine import Docker
from tests.parts import require

TAG = "holdfast-test:1"
SERVICES = "holdfast-test-services:1"
NETWORK = "holdfast-test"
# Of what `make up` starts here.
PROJECT = "holdfast-test"
BUILD_SECONDS = 600.0
# Part of pip's settings in every build here: no trace of it may be in the image.
MARK = "a-private-index.example"


@dataclass(frozen=True)
class Image:
    """The image that `make image` built, and what that said."""

    tag: str
    said: str


@pytest.fixture(scope="session")
def docker() -> Iterator[Docker]:
    """Docker, with a network of its own for containers that a test talks to."""
    require("docker")
    with engine.running() as found:
        _remove_all(found)
        found.run("network", "create", "--subnet", engine.free_subnet(), NETWORK)
        try:
            yield found
        finally:
            _remove_all(found)


@pytest.fixture(scope="session")
def image(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image as `make image` builds it, on a base that has Python and pip and nothing else, no shell either."""
    folder = tmp_path_factory.mktemp("base")
    base = os.environ.get("TEST_BASE_IMAGE")
    if base is None:
        base = scraps.BASE
        if docker.run("image", "inspect", base, check=False).returncode:
            scraps.python_base(folder / "base.tar")
            docker.run("import", folder / "base.tar", base)
    words = [sys.executable, ROOT / "scripts" / "image.py", "--tag", TAG, "--base", base, "--builder", "docker"]
    done = subprocess.run(
        [*words, "--options=--network=host"], env=docker.environment | {"PIP_TRUSTED_HOST": MARK}, text=True,
        capture_output=True, timeout=BUILD_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return Image(TAG, done.stdout)


@pytest.fixture(scope="session")
def services(docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with this machine's Redis and HAProxy."""
    require("redis")
    require("haproxy")
    path: Path = tmp_path_factory.mktemp("services") / "services.tar"
    scraps.programs(path, "redis-server", "redis-cli", "haproxy", "wget")
    docker.run("import", path, SERVICES)
    return SERVICES


def _remove_all(docker: Docker) -> None:
    """Remove what an earlier run that was killed left behind, too."""
    for one in (f"network={NETWORK}", f"label=com.docker.compose.project={PROJECT}"):
        if listed := docker.run("ps", "--all", "--quiet", "--filter", one).stdout.split():
            docker.run("rm", "--force", *listed)
    for network in (NETWORK, f"{PROJECT}_default"):
        docker.run("network", "rm", network, check=False)
