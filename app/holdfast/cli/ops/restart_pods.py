"""Restart the pods of a release: the whole Deployment by its own rollout, or single pods by evicting them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.drain_instance import check_share, empty
from holdfast.cli.ops.fleet import Member
from holdfast.cli.ops.kube import Cluster, is_ending, is_ready, trouble
from holdfast.cli.ops.rails import Rails

# Until a pod that was told to go is gone, beyond its grace.
MARGIN_SECONDS = 60.0


@dataclass(slots=True)
class Progress:
    """How far the replacement of some pods is, from the pods alone; pure."""

    former: frozenset[str]
    wanted: int
    told: set[str] = field(default_factory=set)

    def news(self, pods: list[dict[str, Any]]) -> list[str]:
        """Return a line for each thing that has not been told yet."""
        lines = []
        for pod in pods:
            name = pod["metadata"]["name"]
            state = "drains" if is_ending(pod) else "serves" if is_ready(pod) else "starts"
            if name in self.former and (state != "drains" or trouble(pod)):
                continue
            if f"{name} {state}" not in self.told:
                self.told.add(f"{name} {state}")
                lines.append(f"{name} {state}.")
        return lines

    def missing(self, pods: list[dict[str, Any]]) -> str:
        """Return what is still to come, "" where all were replaced.

        Raises:
            CliError: a new pod cannot become ready.
        """
        fresh = [pod for pod in pods if pod["metadata"]["name"] not in self.former and not is_ending(pod)]
        for pod in fresh:
            if said := trouble(pod):
                raise CliError(f"{pod['metadata']['name']} does not start: {said}", Exit.REFUSED)
        left = [pod for pod in pods if pod["metadata"]["name"] in self.former and not trouble(pod)]
        ready = sum(is_ready(pod) for pod in fresh)
        if ready < self.wanted:
            return f"{ready} of {self.wanted} new pods are ready"
        return f"{len(left)} pods still drain" if left else ""


def restart_all(rails: Rails, cluster: Cluster, ready: float, steady: float, share: float) -> None:
    """Let the Deployment replace all its pods: the new one first, then one old one after the other."""
    deployment = cluster.pods.deployment
    names = list(rails.fleet.members)
    former = frozenset(one["metadata"]["name"] for one in cluster.all())
    rails.check_others(rails.fleet.look(), "")
    if not rails.begins(f"restart deployment {deployment}, {len(names)} pods", *rails.fleet.members.values()):
        return
    before = _connections(rails)
    cluster.do("rollout", "restart", f"deployment/{deployment}")
    seconds = len(names) * (_step(cluster) + ready) + _grace(cluster) + MARGIN_SECONDS
    _follow(
        rails,
        cluster,
        Progress(former, len(names)),
        seconds,
        f"`kubectl rollout undo deployment/{deployment}` takes the new pods away.",
    )
    rails.facts["restarted"] = names
    _rest(rails, before, (steady, ready, share))


def restart_some(rails: Rails, cluster: Cluster, members: list[Member], patience: Any) -> None:
    """Drain and evict one pod after the other, each only when the one before was replaced."""
    done: list[str] = []
    rails.facts["restarted"] = done
    for member in members:
        seen = rails.fleet.look()
        rails.check_others(seen, member.name)
        check_share(rails, member, seen)
        if not rails.begins(f"replace pod {member.name}", member):
            continue
        before = _connections(rails)
        empty(rails, member, patience.window)
        # Those that stay are no news, and no replacement; once it is told to go, the replacement is there.
        stay = frozenset(one["metadata"]["name"] for one in cluster.all()) - {member.name}
        member.target.stop()
        progress = Progress(frozenset({member.name}), 1)
        _follow(
            rails,
            cluster,
            progress,
            patience.ready + _grace(cluster) + MARGIN_SECONDS,
            "The other pods were not touched.",
            stay,
        )
        done.append(member.name)
        _rest(rails, before, (patience.steady, patience.ready, patience.share))


def _follow(
    rails: Rails, cluster: Cluster, progress: Progress, seconds: float, after: str, stay: frozenset[str] = frozenset()
) -> None:
    def missing() -> str:
        pods = [pod for pod in cluster.all() if pod["metadata"]["name"] not in stay]
        for line in progress.news(pods):
            rails.tell(line)
        return progress.missing(pods)

    try:
        rails.wait(missing, seconds, "restarting")
    except CliError as error:
        raise CliError(f"{error}\n  {after} Old pods that were not told to go still serve.", error.code) from None


def _rest(rails: Rails, before: int, patience: tuple[float, float, float]) -> None:
    """Stay until all were fine for a while and clients are back."""
    steady, ready, share = patience
    rails.fleet.refresh()
    began = rails.time.clock()

    def missing() -> str:
        bad = [f"{one.name}: {one.problem}" for one in rails.fleet.look().values() if one.problem]
        if bad:
            raise CliError(f"not at rest: {'; '.join(bad)}", Exit.REFUSED)
        if rails.time.clock() - began < steady:
            return f"all serve, for {steady:g} s"
        there = _connections(rails)
        rails.facts["connections"] = {"before": before, "after": there}
        return "" if there * 100 >= before * share else f"{there} of {before} connection(s) are back"

    rails.wait(missing, steady + ready, "coming to rest")
    rails.tell("All serve.")


def _connections(rails: Rails) -> int:
    return sum(one.connections for one in rails.fleet.look().values())


def _spec(cluster: Cluster) -> dict[str, Any]:
    found = json.loads(cluster.do("get", "deployment", cluster.pods.deployment, "--output=json"))
    return dict(found["spec"])


def _step(cluster: Cluster) -> float:
    return float(_spec(cluster).get("minReadySeconds", 0))


def _grace(cluster: Cluster) -> float:
    return float(_spec(cluster)["template"]["spec"].get("terminationGracePeriodSeconds", 30))
