"""What happens to a release, and what its autoscaler does, under numbered traffic from outside the pods."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cluster.cluster import outside, wait_until
from tests.cluster.release import Release
from tests.cluster.test_rollouts import FEW, PLANNED, under_traffic
from tests.parts import require

SCALED_SECONDS = 180.0
QUICK = {"enabled": True, "minReplicas": 2, "maxReplicas": 4, "scaleDown": {"stabilizationSeconds": 0}}

pytestmark = pytest.mark.timeout(900)


@pytest.mark.proof
def test_node_without_power_costs_only_connections(release: Release, tmp_path: Path) -> None:
    """Its clients find out by themselves and come back to the other pod; nobody misses anything."""
    require("cluster power")
    release.upgrade()
    node = release.cluster.nodes()[-1]
    # What the trial Redis holds would go with it; that is a drill of its own.
    release.cluster.kubectl("cordon", node)
    try:
        renew_redis(release)
    finally:
        release.cluster.kubectl("uncordon", node)
    lost = [pod["metadata"]["name"] for pod in release.pods() if pod["spec"]["nodeName"] == node]
    with under_traffic(tmp_path, "node-off", release, FEW) as (lab, outcome):
        outside("CLUSTER_NODE_STOP", node)
        try:
            wait_until(lambda: not set(lost) & set(release.ready()), 120.0, f"{lost} are not ready any more")
            lab.settle()
        finally:
            outside("CLUSTER_NODE_START", node)
        wait_until(lambda: len(release.ready()) >= 2, 180.0, "two pods are ready again")

    assert lost
    assert not outcome.report.faults(without_a_word=True)
    assert outcome.report.lost_connections > 0
    release.wait_for(2)


def test_lost_redis_is_told(release: Release, tmp_path: Path) -> None:
    """The trial Redis forgets all when its pod goes: nobody is closed, and who missed something is told so."""
    release.upgrade()
    with under_traffic(tmp_path, "redis-deleted", release, FEW) as (lab, outcome):
        renew_redis(release)
        # What somebody missed shows by the next messages, and publishers come back at their own pace.
        enough = lab.acknowledged + 4 * FEW.channels
        wait_until(lambda: lab.acknowledged >= enough, 60.0, "messages are acknowledged again")

    assert not outcome.report.faults(told=True)
    assert outcome.report.told > 0
    assert outcome.report.closes.keys() <= {"rebalanced"}


def test_connections_scale_up_and_down_unnoticed(release: Release, tmp_path: Path) -> None:
    """From two pods to four by the connections that each has, and back once it may: everybody moves, nobody notices."""
    few = {"cpu": {"enabled": False}, "connections": {"enabled": True, "target": FEW.clients // 4 + 1}}
    many = {"cpu": {"enabled": False}, "connections": {"enabled": True, "target": FEW.clients}}
    release.upgrade(autoscaling={**QUICK, **many})
    with under_traffic(tmp_path, "scale-connections", release, FEW) as (_, outcome):
        release.upgrade(autoscaling={**QUICK, **few})
        release.wait_for(4, SCALED_SECONDS)
        release.upgrade(autoscaling={**QUICK, **many})
        release.wait_for(2, SCALED_SECONDS)

    assert_scaled(outcome.report)


@pytest.mark.proof
def test_cpu_scales_up_and_down_unnoticed(release: Release, tmp_path: Path) -> None:
    """The same by what pods compute: more than a small request, less than a large one."""

    def by_cpu(request: str) -> dict[str, object]:
        cpu = {"enabled": True, "target": 50}
        return {
            "autoscaling": {**QUICK, "cpu": cpu, "connections": {"enabled": False}},
            "resources": {"requests": {"cpu": request}},
        }

    release.upgrade(**by_cpu("1000m"))
    with under_traffic(tmp_path, "scale-cpu", release, FEW) as (_, outcome):
        release.upgrade(**by_cpu("10m"))
        release.wait_for(4, SCALED_SECONDS)
        release.upgrade(**by_cpu("1000m"))
        release.wait_for(2, SCALED_SECONDS)

    assert_scaled(outcome.report)


def renew_redis(release: Release) -> None:
    """Delete the pod of the trial Redis, and wait until another one and the gateways are ready."""
    selector = "app.kubernetes.io/component=redis"
    release.cluster.kubectl("delete", "pod", "--selector", selector, "--wait")
    release.cluster.kubectl("wait", "pod", "--selector", selector, "--for=condition=Ready", "--timeout=120s")
    wait_until(lambda: len(release.ready()) == 2, 120.0, "two pods are ready")


def assert_scaled(report) -> None:
    """Nobody noticed; who was closed left a pod that went, or was asked to even out."""
    assert not report.faults()
    assert report.closes.keys() <= PLANNED
