"""The instances file of a release: where the recovery scripts find its pods."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from .manifests import Key, Object, find
from .programs import Cluster, program
from .state import CONTAINER

ADMIN = "HOLDFAST_ADMIN__TOKEN"


def write(cluster: Cluster, made: dict[Key, Object]) -> Path:
    """Write it, for the owner alone, and return where it is."""
    target = cluster.target
    path = target.folder / "instances.yaml"
    place = {"kubeconfig": target.kubeconfig or os.environ.get("KUBECONFIG", ""), "context": target.context}
    text = yaml.safe_dump(document(find(made, "Deployment"), target.namespace, place), sort_keys=False)
    target.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(0o600)
    path.write_text(f"# Written by make deploy; docs/recovery.md says what it is for.\n{text}")
    return path


def document(deployment: Object, namespace: str, place: dict[str, str]) -> dict[str, Any]:
    """Return what the file says: the pods' labels, and the Secret that has the admin token."""
    selector = deployment.get("spec", {}).get("selector", {}).get("matchLabels", {})
    found: dict[str, Any] = {name: value for name, value in place.items() if value}
    found |= {
        "kubectl": program("kubectl"),
        "namespace": namespace,
        "deployment": deployment.get("metadata", {}).get("name", ""),
        "selector": ",".join(f"{name}={value}" for name, value in sorted(selector.items())),
        "container": CONTAINER,
    }
    for container in deployment.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
        for one in container.get("env") or []:
            reference = (one.get("valueFrom") or {}).get("secretKeyRef") or {}
            if one["name"] == ADMIN and reference:
                found |= {"admin_secret": reference["name"], "admin_secret_key": reference["key"]}
    return {"kubernetes": found}
