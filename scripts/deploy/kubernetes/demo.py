"""The demo of a release: whether ENV=local brings it, and the lines that lead to its page."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from deploy.playbooks import BIN
from holdfast.cli.demo_user import FRIEND, PASSWORD_FILE, USER
from holdfast.cli.first_run import CHANNEL

from .front_door import service_of
from .manifests import Key, Object, find
from .programs import Cluster

KEY = PASSWORD_FILE.name
# Of this machine; another one does as well.
PORT = 8000
# There is no crowd here whose return would have to be spread.
VALUES: dict[str, Any] = {"demo": {"enabled": True}, "config": {"client": {"reconnect_window": 1}}}


def is_brought(demo: str, given: Iterable[Mapping[str, Any]]) -> bool:
    """Tell whether a first try gets the demo: unless DEMO=no, or values say something of it or cannot go with it."""
    values = list(given)
    is_open = _last(values, "demo", "enabled") is None and not _last(values, "redis", "external", "addresses")
    # Secrets that are made here have its password, and what its login signs tokens with.
    has_secrets = _last(values, "secrets", "create") is not False and not _last(values, "secrets", "existingSecret")
    has_key = _last(values, "secrets", "keys", "tokenHmacSecret") != ""
    return demo != "no" and is_open and has_secrets and has_key and _last(values, "config", "auth", "enabled") is None


def lines(cluster: Cluster, made: dict[Key, Object]) -> list[str]:
    """Return how to open the page and to follow a channel; nothing where the release has no demo."""
    deployment = find(made, "Deployment")
    password = _password(cluster, deployment)
    if not password:
        return []
    target, url = cluster.target, f"http://127.0.0.1:{PORT}"
    service, port = service_of(made, "http")
    token = target.kubectl(f"exec deploy/{deployment['metadata']['name']} -- holdfast token create {USER}")
    return [
        "",
        "Open a way to it, until Ctrl-C; it ends with its pod, and begins again at another:",
        f"  until {target.kubectl(f'port-forward {service} {PORT}:{port}')}; do sleep 1; done",
        f"Demo:  {url}/demo  Log in as {USER} or {FRIEND} with the password {password}",
        "",
        f'Follow the channel "{CHANNEL}", in another terminal:',
        f'  {shlex.quote(str(BIN / "holdfast"))} subscribe {CHANNEL} --url {url} --token "$({token})"',
    ]


def _password(cluster: Cluster, deployment: Object) -> str:
    """Return the password that the pods have from a Secret, "" where they have none."""
    pod = deployment.get("spec", {}).get("template", {}).get("spec", {})
    for volume in pod.get("volumes") or []:
        secret = volume.get("secret") or {}
        if any(item["key"] == KEY for item in secret.get("items") or []):
            return cluster.secret(secret["secretName"], KEY).strip()
    return ""


def _last(given: Iterable[Mapping[str, Any]], *path: str) -> Any:
    """Return what the last of these values says at a place, None where none says anything."""
    said = None
    for one in given:
        found: Any = one
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        said = said if found is None else found
    return said
