"""An instance that is a pod: evicted, it is replaced by its Deployment, under another name."""

from __future__ import annotations

import json

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.kube import Cluster

_SIGNAL = "import os, signal; os.kill(1, signal.SIGHUP)"


class PodTarget:
    """See `Target`."""

    def __init__(self, name: str, cluster: Cluster) -> None:
        self._name = name
        self._cluster = cluster

    def check(self) -> None:
        """See `Target`: the pod is there, something replaces it, and we may evict it."""
        pod = self._cluster.one(self._name)
        owners = pod.get("metadata", {}).get("ownerReferences") or []
        if not any(one["kind"] == "ReplicaSet" for one in owners):
            raise CliError(f"{self._name}: no pod that a Deployment would replace", Exit.USAGE)
        if self._cluster.run("auth", "can-i", "create", "pods/eviction").stdout.strip() != "yes":
            raise CliError(
                f"{self._cluster.name}: you may not create pods/eviction, by which a pod is stopped", Exit.USAGE
            )

    def stop(self) -> None:
        """Evict it, which heeds the PodDisruptionBudget; deleting it would not."""
        pods = self._cluster.pods
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": self._name, "namespace": pods.namespace},
        }
        path = f"/api/v1/namespaces/{pods.namespace}/pods/{self._name}/eviction"
        done = self._cluster.run("create", f"--raw={path}", "--filename=-", given=json.dumps(body))
        if done.returncode:
            said = (done.stderr or done.stdout).strip()[-300:]
            raise CliError(f"{self._name} is not evicted: {said}", Exit.REFUSED)

    def is_running(self) -> bool:
        """See `Target`."""
        return bool(self._cluster.one(self._name))

    def start(self) -> None:
        """Do nothing: its ReplicaSet began another pod when this one was told to go."""

    def failure(self) -> str:
        """See `Target`; what replaces it has another name."""
        return ""

    def reload(self) -> None:
        """See `Target`; the gateway is process 1 of its container, and the image has Python."""
        words = ("exec", self._name, "--container", self._cluster.pods.container, "--", "python3", "-c", _SIGNAL)
        self._cluster.do(*words)
