"""Images on every node of the cluster: the gateway's, two that differ from it, and one of this machine's Redis."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.cluster import outside
from tests.contract.source import ROOT
from tests.image import engine, scraps
from tests.image.engine import Docker

BUILD_SECONDS = 900.0


@dataclass(frozen=True)
class Images:
    """Their names."""

    gateway: str = "localhost/holdfast-cluster:1"
    newer: str = "localhost/holdfast-cluster:2"
    broken: str = "localhost/holdfast-cluster:broken"
    redis: str = "localhost/redis-cluster:1"


def load(folder: Path) -> Images:
    """Build them, and have them put on every node."""
    names = Images()
    with engine.running() as docker:
        _base(docker, folder)
        _build(docker, names.gateway)
        _derive(docker, folder, names.gateway, names.newer, 'LABEL newer="yes"')
        fault = 'ENTRYPOINT ["/opt/holdfast/bin/python3", "-c", "raise SystemExit(\'this image is broken\')"]'
        _derive(docker, folder, names.gateway, names.broken, fault)
        scraps.programs(folder / "redis.tar", "redis-server", "redis-cli")
        docker.run("import", "--change", 'ENTRYPOINT ["/usr/bin/redis-server"]', folder / "redis.tar", names.redis)
        archive = folder / "images.tar"
        docker.run("save", "--output", archive, names.gateway, names.newer, names.broken, names.redis)
    outside("CLUSTER_LOAD", archive)
    archive.unlink()
    return names


def _base(docker: Docker, folder: Path) -> None:
    if docker.run("image", "inspect", scraps.BASE, check=False).returncode:
        scraps.python_base(folder / "base.tar")
        docker.run("import", folder / "base.tar", scraps.BASE)


def _build(docker: Docker, name: str) -> None:
    base = os.environ.get("TEST_BASE_IMAGE", scraps.BASE)
    words = [sys.executable, ROOT / "scripts" / "image.py", "--tag", name, "--base", base, "--builder", "docker"]
    done = subprocess.run(
        [*words, "--options=--network=host"], env=docker.environment, text=True, capture_output=True,
        timeout=BUILD_SECONDS, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def _derive(docker: Docker, folder: Path, name: str, derived: str, line: str) -> None:
    context = folder / "derived"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(f"FROM {name}\n{line}\n")
    docker.run("build", "--tag", derived, context, timeout=BUILD_SECONDS)
