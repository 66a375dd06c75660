"""A message through the front door: as a client and as a backend, by a port-forward or the address that was given."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deploy.problems import DeployError, Exit
from deploy.target import ANSIBLE

from . import state
from .manifests import Key, Object, find
from .programs import Cluster

OPEN_SECONDS = 20.0
CHANNEL = "holdfast-front-door"
# Variables of the container whose Secrets are needed, by what they are.
SECRETS = {"token_hmac_secret": "HOLDFAST_TOKEN__HMAC_SECRET", "api_key": "API_KEY"}


def smoke(cluster: Cluster, made: dict[Key, Object], url: str = "", origin: str = "") -> list[str]:
    """Connect, subscribe, publish, receive, leave; return the stages.

    Raises:
        DeployError: one failed.
    """
    secrets = _secrets(cluster, made)
    with (
        forwarded(cluster, service_of(made, "http")) as public,
        forwarded(cluster, service_of(made, "internal")) as internal,
    ):
        given = {
            "url": url or f"ws://127.0.0.1:{public}/connection/websocket", "api_url": f"http://127.0.0.1:{internal}",
            "channel": CHANNEL, "user": CHANNEL, "origin": origin, "ca": "", "timeout": 30,
            "token_settings": _token_settings(made), **secrets,
        }  # fmt: skip
        return _walk(given, cluster)


@contextmanager
def forwarded(cluster: Cluster, place: tuple[str, int]) -> Iterator[int]:
    """Open a way to a port of the cluster and yield the port here.

    Raises:
        DeployError: it does not open.
    """
    name, port = place
    with cluster.forward([name, f":{port}"]) as process:
        timer = threading.Timer(OPEN_SECONDS, process.kill)
        timer.start()
        try:
            said = process.stdout.readline() if process.stdout else ""
            match = re.search(r"127\.0\.0\.1:(\d+)", said)
            if match is None:
                rest = process.stdout.read() if process.stdout else ""
                raise DeployError(
                    f"no way to port {port} of {name}", Exit.UNKNOWN, evidence=(said + rest).strip().splitlines()[-4:],
                    following=cluster.target.kubectl(f"port-forward {name} :{port}"),
                )  # fmt: skip
            timer.cancel()
            yield int(match[1])
        finally:
            timer.cancel()
            process.terminate()


def _walk(given: dict[str, Any], cluster: Cluster) -> list[str]:
    """Go the way that the smoke test of hosts goes."""
    sys.path.insert(0, str(ANSIBLE / "collections"))
    try:
        from ansible_collections.holdfast.gateway.plugins.modules import front_door
    finally:
        sys.path.pop(0)
    try:
        return front_door.tried(given)
    except (front_door.FrontDoorError, *front_door.STAGE_ERRORS) as error:
        raise DeployError(
            f"no message came through the front door: {error}", Exit.FOUND,
            following=f"{cluster.target.kubectl('get pods')}; then {cluster.target.command('verify')}",
        ) from None  # fmt: skip


def service_of(made: dict[Key, Object], port_name: str) -> tuple[str, int]:
    """Return the Service that has a port of this name, and the port."""
    for (kind, name), one in made.items():
        ports = one.get("spec", {}).get("ports", []) if kind == "Service" else []
        for port in ports:
            if port.get("name") == port_name:
                return f"service/{name}", int(port["port"])
    raise DeployError(
        f"the release has no Service with a port named {port_name}", Exit.UNKNOWN, following="helm get manifest"
    )


def _secrets(cluster: Cluster, made: dict[Key, Object]) -> dict[str, str]:
    """Return the secrets that a client and a backend need, from where the pods have them; they stay in memory."""
    found = {}
    for what, variable in SECRETS.items():
        value = secret_of(cluster, find(made, "Deployment"), variable)
        if not value:
            raise DeployError(
                f"the smoke test needs what pods have as {variable}, and no Secret gives it", Exit.UNKNOWN,
                following="secrets.keys in VALUES names the keys; with a key set of yours try it by `helm test`",
            )  # fmt: skip
        found[what] = value
    return found


def secret_of(cluster: Cluster, deployment: Object, variable: str) -> str:
    """Return the value that the gateways' container has from a Secret for a variable, "" where it has none."""
    pod = deployment.get("spec", {}).get("template", {}).get("spec", {})
    for container in pod.get("containers", []):
        for one in container.get("env") or []:
            reference = (one.get("valueFrom") or {}).get("secretKeyRef") or {}
            if container["name"] == state.CONTAINER and one["name"] == variable and reference:
                return cluster.secret(reference["name"], reference["key"])
    return ""


def _token_settings(made: dict[Key, Object]) -> dict[str, Any]:
    """Return the part `token` of the gateway's settings: audience and issuer of a token that it takes."""
    import yaml

    text = find(made, "ConfigMap").get("data", {}).get("holdfast.yaml", "")
    settings = yaml.safe_load(text) or {}
    return dict(settings.get("token") or {})
