"""What a release's workloads, pods and events say, sorted by what a rollout has just made. Pure but for `look`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from holdfast.cli.ops.kube import is_ending, is_ready

from .programs import Cluster

Object = dict[str, Any]
INSTANCE = "app.kubernetes.io/instance"
COMPONENT = "app.kubernetes.io/component"
HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
# The container that is the gateway.
CONTAINER = "gateway"
# Pods of these phases run no more; they stay in the list until somebody takes them away.
OVER = ("Failed", "Succeeded")


@dataclass(frozen=True)
class State:
    """Objects of one release at one moment."""

    deployments: list[Object] = field(default_factory=list)
    sets: list[Object] = field(default_factory=list)
    pods: list[Object] = field(default_factory=list)
    events: list[Object] = field(default_factory=list)

    @property
    def newest_sets(self) -> list[Object]:
        """Return the ReplicaSet that each Deployment rolls out."""
        found = []
        for deployment in self.deployments:
            own = [one for one in self.sets if owner(one) == uid(deployment)]
            found += sorted(own, key=_revision)[-1:]
        return found

    @property
    def new_pods(self) -> list[Object]:
        """Return the pods of the rollout: those of the newest sets, all where there are none."""
        newest = {uid(one) for one in self.newest_sets}
        return [pod for pod in self.pods if not newest or owner(pod) in newest]

    @property
    def gateways(self) -> list[Object]:
        """Return the pods with a gateway in them, those that drain too; not what a kubelet refused or ended."""
        mine = [pod for pod in self.pods if labels(pod).get(COMPONENT) == "gateway"]
        return [pod for pod in mine if pod.get("status", {}).get("phase") not in OVER]

    def events_of(self, objects: Iterable[Object]) -> list[Object]:
        """Return the warnings about objects that are there now, the latest first."""
        wanted = {uid(one) for one in objects}
        found = [one for one in self.events if one.get("involvedObject", {}).get("uid") in wanted]
        return sorted((one for one in found if one.get("type") == "Warning"), key=moment, reverse=True)


def look(cluster: Cluster) -> State:
    """Return how the release is now.

    Raises:
        DeployError: the cluster does not answer.
    """
    mine = f"--selector={INSTANCE}={cluster.target.release}"
    found = cluster.items("deployments,replicasets,pods", mine)
    by_kind: dict[str, list[Object]] = {}
    for one in found:
        # The pod of `helm test` is no part of a rollout.
        if labels(one).get(COMPONENT) != "test":
            by_kind.setdefault(one["kind"], []).append(one)
    return State(
        by_kind.get("Deployment", []), by_kind.get("ReplicaSet", []), by_kind.get("Pod", []), cluster.items("events")
    )


def uid(one: Object) -> str:
    """Return what an object is known by, whatever its name."""
    return str(one.get("metadata", {}).get("uid", ""))


def name(one: Object) -> str:
    """Return an object's name."""
    return str(one.get("metadata", {}).get("name", ""))


def labels(one: Object) -> dict[str, str]:
    """Return an object's labels."""
    return dict(one.get("metadata", {}).get("labels") or {})


def owner(one: Object) -> str:
    """Return the uid of what made an object."""
    owners = one.get("metadata", {}).get("ownerReferences") or [{}]
    return str(owners[0].get("uid", ""))


def moment(event: Object) -> str:
    """Return when an event was last seen; moments of one form, so that they sort."""
    return str(
        event.get("lastTimestamp") or event.get("eventTime") or event.get("metadata", {}).get("creationTimestamp")
    )


def progress(state: State) -> str:
    """Return in a line how far the gateways are."""
    new = {uid(pod) for pod in state.new_pods}
    fresh = [pod for pod in state.gateways if uid(pod) in new and not is_ending(pod)]
    ready = sum(is_ready(pod) for pod in fresh)
    old = sum(uid(pod) not in new and not is_ending(pod) for pod in state.gateways)
    ending = sum(is_ending(pod) for pod in state.gateways)
    wanted = next(
        (
            one.get("spec", {}).get("replicas", 1)
            for one in state.deployments
            if labels(one).get(COMPONENT) == "gateway"
        ),
        0,
    )
    return f"{ready} of {wanted} new pods ready, {old} old ones serve, {ending} drain"


def _revision(one: Object) -> int:
    annotations = one.get("metadata", {}).get("annotations") or {}
    return int(annotations.get(REVISION) or 0)
