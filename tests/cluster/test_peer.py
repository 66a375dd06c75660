"""The same restart of the same number of clients, here and on a stock server."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from holdfast.cli.ops.kube import is_ready
from tests.cluster.cluster import Cluster, wait_until
from tests.cluster.curves import per_second, svg
from tests.cluster.release import NAME, Release
from tests.cluster.test_rollouts import FULL, FULL_WINDOW, window
from tests.gateway import ROOT
from tests.resilience.crowd import Crowd, Plan
from tests.resilience.publishers import Published
from tests.resilience.report import Report, report_of

CLIENTS = 600
PORT = 30810
PICTURE = ROOT / "docs" / "pictures" / "restart-in-a-cluster.svg"
PEER = Path(__file__).with_name("peer.py")
PEER_LABELS = {"app": "peer"}

pytestmark = [pytest.mark.timeout(900), pytest.mark.proof]


def test_restart_is_no_herd_where_a_stock_server_makes_one(release: Release, tmp_path: Path) -> None:
    """At most 5 % of the clients come back in any second; both curves are drawn into the docs."""
    cluster = release.cluster
    release.upgrade(**window(FULL))
    ours, our_curve = restarted(cluster, NAME, release.ws_url, [release.gateways[0].token("reader")], tmp_path)
    install_peer(cluster, release.image)
    try:
        address = f"ws://{cluster.address()}:{PORT}/connection/websocket"
        peer, peer_curve = restarted(cluster, "peer", address, [""], tmp_path)
    finally:
        cluster.kubectl("delete", "deployment/peer", "service/peer", "configmap/peer", "--wait")

    assert ours.worst_second <= 0.05
    assert ours.nameless == ours.lost_connections == 0
    assert peer.worst_second > 4 * ours.worst_second
    title = f"Restart of two pods with {CLIENTS} clients: reconnects in each second"
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg(title, {"Holdfast": our_curve, "stock uvicorn": peer_curve}))


def restarted(cluster: Cluster, name: str, url: str, tokens: list[str], folder: Path) -> tuple[Report, list[int]]:
    """Let stock SDKs connect, restart the deployment, and return what they met: a report, and reconnects by second."""
    channels = [f"recover:peer-{number}" for number in range(20)]
    crowd = Crowd(Plan("plain", url, CLIENTS, channels, tokens, patience=180.0), folder / f"{name}.log")
    try:
        crowd.open()
        crowd.settle()
        began = time.time()
        cluster.kubectl("rollout", "restart", f"deployment/{name}")
        cluster.kubectl("rollout", "status", f"deployment/{name}", "--timeout=300s")
        # The old pods have left the rollout's sight, their clients have not left them.
        time.sleep(FULL_WINDOW + 10)
        crowd.settle()
        summary = crowd.end({}, 60.0)
    finally:
        crowd.kill()
    report = report_of(f"restart-{name}", Published(), {"plain": summary}, began)
    report.save()
    print(f"\n{report.show()}")
    return report, per_second([moment / 1000 for moment in summary["handshakes"]], began)


def install_peer(cluster: Cluster, image: str) -> None:
    """Install the stock server with what Kubernetes does by default, and wait until it is ready."""
    command = ["python", "-m", "uvicorn", "peer:app", "--app-dir", "/peer", "--host", "0.0.0.0", "--port", "8000"]
    container: dict[str, Any] = {
        "name": "peer",
        "image": image,
        "command": command,
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8000}},
        "volumeMounts": [{"name": "peer", "mountPath": "/peer"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    security = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = {
        "metadata": {"labels": PEER_LABELS},
        "spec": {
            "containers": [container],
            "volumes": [{"name": "peer", "configMap": {"name": "peer"}}],
            "securityContext": security,
        },
    }
    spec = {"replicas": 2, "selector": {"matchLabels": PEER_LABELS}, "template": pod}
    door = {"type": "NodePort", "selector": PEER_LABELS, "ports": [{"port": 8000, "nodePort": PORT}]}
    named = {"name": "peer"}
    cluster.apply(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"peer.py": PEER.read_text()}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": named, "spec": spec},
        {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": door},
    )
    wait_until(lambda: len(ready_peers(cluster)) == 2, 120.0, "two peers are ready")


def ready_peers(cluster: Cluster) -> list[str]:
    """Return the names of the peers that are ready."""
    return [pod["metadata"]["name"] for pod in cluster.get("pods", "--selector", "app=peer") if is_ready(pod)]
