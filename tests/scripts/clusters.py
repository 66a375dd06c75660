"""Objects as Kubernetes has them, for the tests of scripts/deploy/kubernetes/."""

from __future__ import annotations

from typing import Any

from tests.scripts import deploying  # noqa: F401 - lets `deploy` be imported

Object = dict[str, Any]
LABELS = {"app.kubernetes.io/component": "gateway", "app.kubernetes.io/instance": "holdfast"}


def deployment(**status: Any) -> Object:
    """Return a Deployment of two pods."""
    return {
        "kind": "Deployment",
        "metadata": {"name": "holdfast", "uid": "d", "labels": LABELS},
        "spec": {"replicas": 2},
        "status": status,
    }


def replica_set(uid: str = "new", revision: int = 2, replicas: int = 0) -> Object:
    """Return a ReplicaSet of that Deployment."""
    return {
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"holdfast-{uid}",
            "uid": uid,
            "ownerReferences": [{"uid": "d"}],
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
        },
        "spec": {"replicas": 1},
        "status": {"replicas": replicas},
    }


def pod(name: str = "holdfast-new-1", owner: str = "new", container: Object | None = None, **status: Any) -> Object:
    """Return a pod with one container in this state."""
    if container is not None:
        status["containerStatuses"] = [{"name": "gateway", "image": "holdfast:2", "ready": False, **container}]
    return {
        "kind": "Pod",
        "metadata": {"name": name, "uid": name, "labels": LABELS, "ownerReferences": [{"uid": owner}]},
        "spec": {"nodeName": "n1"},
        "status": status,
    }


def ready(name: str, owner: str = "new") -> Object:
    """Return a pod that serves."""
    return pod(name, owner, conditions=[{"type": "Ready", "status": "True"}])


def event(about: Object, reason: str, message: str, moment: str = "2026-11-26T10:00:00Z") -> Object:
    """Return a warning about an object."""
    where = {"uid": about["metadata"]["uid"], "name": about["metadata"]["name"]}
    return {
        "type": "Warning", "reason": reason, "message": message, "lastTimestamp": moment, "involvedObject": where,
    }  # fmt: skip
