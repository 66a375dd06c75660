"""A release of the chart in the cluster: what it is given, its pods, and the door that traffic comes through.

It stands where the lab of tests/resilience expects a fleet. Clients and publishers are outside the pods and come in
by node ports, which lead to whatever pod kube-proxy sees ready.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from holdfast.cli.ops.kube import is_ending, is_ready
from holdfast.profile import load
from holdfast.profile.render.helm import helm_values
from tests.cluster.cluster import Cluster, wait_until
from tests.gateway import ADMIN_TOKEN, API_KEY, ROOT, SECRET, SETTINGS, merged
from tests.resilience.lab import Door

CHART = ROOT / "helm" / "holdfast"
NAME = "holdfast"
GATEWAYS = "app.kubernetes.io/name=holdfast,app.kubernetes.io/component=gateway"
PORTS = {"http": (8000, 30800), "internal": (9000, 30900)}
START_SECONDS = 120.0

# Short windows: longer than kube-proxy needs to see that a pod is not ready, and no more.
OVERRIDES: dict[str, Any] = {
    "autoscaling": {"enabled": False},
    "replicaCount": 2,
    "secrets": {"create": True, "values": {"tokenHmacSecret": SECRET, "apiKey": API_KEY, "adminToken": ADMIN_TOKEN}},
    "config": {
        "channel": SETTINGS["channel"],
        "client": {"reconnect_window": 4},
        "shutdown": {"propagation_wait": 4, "drain_window": 6, "timeout": 2},
    },
    "resources": {"requests": {"cpu": "100m"}},
    "stopMarginSeconds": 5,
}


@dataclass
class Release:
    """The release, installed or not."""

    cluster: Cluster
    folder: Path
    image: str  # repository:tag
    redis_image: str
    more: Mapping[str, Any] = field(default_factory=dict)
    gateways: tuple[Door, ...] = (Door(),)

    @property
    def ws_url(self) -> str:
        """Where clients connect to."""
        return f"ws://{self.cluster.address()}:{PORTS['http'][1]}/connection/websocket"

    @property
    def api_url(self) -> str:
        """Where publishers publish."""
        return f"http://{self.cluster.address()}:{PORTS['internal'][1]}"

    def values(self, image: str = "", **more: Any) -> dict[str, Any]:
        """Return the values: the profile `local`'s, the tests', and `more`."""
        repository, _, tag = (image or self.image).rpartition(":")
        trial = {"enabled": True, "image": self.redis_image, "command": ["/usr/bin/redis-server"]}
        profile = load("local")
        given = merged(helm_values(profile, profile.intents.reference.facts()), OVERRIDES)
        given = merged(given, {"image": {"repository": repository, "tag": tag}, "redis": {"trial": trial}})
        return merged(merged(given, dict(self.more)), more)

    def upgrade(self, image: str = "", options: Sequence[str] = (), **more: Any) -> str:
        """Install it, or change it; returns when Helm says that it is done."""
        path = self.folder / "values.json"
        path.write_text(json.dumps(self.values(image, **more)))
        words = ("upgrade", "--install", NAME, CHART, "--values", path, "--wait", "--timeout", "180s", *options)
        return self.cluster.helm(*words)

    def open_door(self) -> None:
        """Make the node ports, and wait until they lead to a pod."""
        labels = dict(one.split("=") for one in GATEWAYS.split(","))
        ports = [
            {"name": name, "port": port, "targetPort": name, "nodePort": outside}
            for name, (port, outside) in PORTS.items()
        ]
        spec = {"type": "NodePort", "selector": labels, "ports": ports}
        self.cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "door"}, "spec": spec})

    def pods(self) -> list[dict[str, Any]]:
        """Return the gateway pods that are not on their way out, ready ones first."""
        found = [pod for pod in self.cluster.get("pods", "--selector", GATEWAYS) if not is_ending(pod)]
        return sorted(found, key=lambda pod: (not is_ready(pod), pod["metadata"]["name"]))

    def ready(self) -> list[str]:
        """Return the names of the gateway pods that are ready."""
        return [pod["metadata"]["name"] for pod in self.pods() if is_ready(pod)]

    def wait_for(self, count: int, seconds: float = START_SECONDS) -> None:
        """Wait until exactly so many gateway pods are there, ready, and none is on its way out."""

        def is_so() -> bool:
            found = self.cluster.get("pods", "--selector", GATEWAYS)
            return len(found) == count and all(is_ready(pod) for pod in found)

        wait_until(is_so, seconds, f"{count} gateway pods, all ready")

    def images(self) -> set[str]:
        """Return the images that gateway pods run."""
        return {pod["spec"]["containers"][0]["image"] for pod in self.pods()}
