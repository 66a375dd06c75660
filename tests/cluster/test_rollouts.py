"""What changes a release on purpose, under numbered traffic from outside the pods: nobody may notice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.cluster import CommandFault
from tests.cluster.images import Images
from tests.cluster.release import GATEWAYS, NAME, Release
from tests.resilience.lab import Lab, Size, running_lab
from tests.resilience.report import Report

FEW = Size(clients=120, patience=120.0)
FULL = Size(clients=600, channels=60, interval=1.0, patience=180.0)
MOST_IN_A_SECOND = 0.05
# A pod that leaves, and one that has more than its share after others came: the chart evens out.
PLANNED = {"shutdown", "rebalanced"}
# Longer than two pods take to leave, with the tests' window: so many clients a second are 5 % of all.
FULL_WINDOW = 30
SIZES = pytest.mark.parametrize(
    "size", [pytest.param(FEW, id="few"), pytest.param(FULL, id="full", marks=pytest.mark.proof)]
)

pytestmark = pytest.mark.timeout(900)


class Outcome:
    """What is known once the lab has ended."""

    report: Report


@contextmanager
def under_traffic(folder: Path, scenario: str, release: Release, size: Size) -> Iterator[tuple[Lab, Outcome]]:
    """Disturb a release in the block; the outcome has its report behind it."""
    outcome = Outcome()
    with running_lab(folder, f"cluster-{scenario}", release, size) as lab:
        lab.begin()
        yield lab, outcome
        outcome.report = lab.end()


def window(size: Size) -> dict[str, object]:
    """Return the values that give many clients more time to leave."""
    seconds = FULL_WINDOW if size is FULL else 6
    config = {"shutdown": {"drain_window": seconds}, "client": {"reconnect_window": seconds}}
    # Evening out has a pace of its own, for a thousand times as many.
    return {"config": config | {"rebalance": {"rate": 5}}}


def assert_unnoticed(report: Report, size: Size) -> None:
    """Nothing was lost, doubled or out of order, each close had its name, and no herd came."""
    assert not report.faults()
    assert report.closes.keys() <= PLANNED
    if size is FULL:  # of a few, any second may have some by chance
        assert report.worst_second <= MOST_IN_A_SECOND


@SIZES
def test_new_image_is_not_noticed(release: Release, images: Images, tmp_path: Path, size: Size) -> None:
    """`helm upgrade` to another image moves everybody, one pod after the other."""
    release.upgrade(**window(size))
    with under_traffic(tmp_path, "upgrade", release, size) as (_, outcome):
        release.upgrade(images.newer, **window(size))
        release.wait_for(2)

    assert release.images() == {images.newer}
    assert_unnoticed(outcome.report, size)


@pytest.mark.proof
def test_rollout_restart_is_not_noticed(release: Release, tmp_path: Path) -> None:
    """`kubectl rollout restart` of the same."""
    release.upgrade(**window(FULL))
    before = release.ready()
    with under_traffic(tmp_path, "restart", release, FULL) as (_, outcome):
        release.cluster.kubectl("rollout", "restart", f"deployment/{NAME}")
        release.cluster.kubectl("rollout", "status", f"deployment/{NAME}", "--timeout=300s")
        release.wait_for(2)

    assert not set(before) & set(release.ready())
    assert_unnoticed(outcome.report, FULL)


def test_changed_setting_is_not_noticed(release: Release, tmp_path: Path) -> None:
    """A setting that changes rolls the pods by itself, and stands in each of them then."""
    before = release.ready()
    with under_traffic(tmp_path, "configuration", release, FEW) as (_, outcome):
        release.upgrade(config={"log": {"level": "debug"}})
        release.wait_for(2)

    assert not set(before) & set(release.ready())
    assert_unnoticed(outcome.report, FEW)


def test_drained_node_is_not_noticed(release: Release, tmp_path: Path) -> None:
    """`kubectl drain` takes one pod at a time off the node, as the budget says, and each drains."""
    release.upgrade()
    node = release.cluster.nodes()[-1]
    with under_traffic(tmp_path, "node-drain", release, FEW) as (_, outcome):
        try:
            release.cluster.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=180s",
                                    f"--pod-selector={GATEWAYS}")  # fmt: skip
            release.wait_for(2)
            homes = {pod["spec"]["nodeName"] for pod in release.pods()}
        finally:
            release.cluster.kubectl("uncordon", node)

    assert node not in homes
    assert_unnoticed(outcome.report, FEW)


def test_image_that_does_not_start_is_taken_back(release: Release, images: Images, tmp_path: Path) -> None:
    """The old pods go on serving, no client notices, and the release is what it was without anybody's hand."""
    release.upgrade()
    before = release.ready()
    with under_traffic(tmp_path, "broken-image", release, FEW) as (_, outcome):
        with pytest.raises(CommandFault):
            release.upgrade(images.broken, [rollback_option(release), "--timeout", "40s"])
        release.wait_for(2)

    assert release.ready() == before
    assert not outcome.report.faults()
    assert outcome.report.closes.keys() <= {"rebalanced"}


def rollback_option(release: Release) -> str:
    """Return what this Helm calls going back by itself."""
    is_old = release.cluster.helm("version", "--template={{.Version}}").startswith("v3.")
    return "--atomic" if is_old else "--rollback-on-failure"
