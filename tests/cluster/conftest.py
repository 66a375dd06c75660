"""The cluster for the tests: a namespace, images on its nodes, and one release that the drills share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import images as image_files
from tests.cluster.cluster import Cluster
from tests.cluster.images import Images
from tests.cluster.release import Release
from tests.parts import helm_program, require

NAMESPACE = "holdfast-tests"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A new namespace in the cluster that KUBECONFIG names."""
    for part in ("cluster", "docker", "helm4", "redis", "npm:tests/sdk"):
        require(part)
    helm = helm_program(4) or "helm"
    fetched = str(Path(helm).with_name("kubectl"))
    made = Cluster(NAMESPACE, shutil.which("kubectl") or fetched, helm)
    # What is deployed by scripts looks for them there.
    os.environ |= {"KUBECTL": made.kubectl_program, "HELM": made.helm_program}
    made.begin()
    yield made
    made.end()


@pytest.fixture(scope="session")
def images(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Images:
    """The images, on every node."""
    return image_files.load(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="session")
def release(cluster: Cluster, images: Images, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """Two gateways and a Redis, installed and ready."""
    made = Release(cluster, tmp_path_factory.mktemp("release"), images.gateway, images.redis)
    made.upgrade()
    made.open_door()
    made.wait_for(2)
    return made
