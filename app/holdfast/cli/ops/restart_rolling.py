"""Restart instances one after the other; the next one only when the last one serves and everything is at rest."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.drain_instance import DEFAULT_LIMIT, WindowOption, check_share, empty
from holdfast.cli.ops.fleet import SERVING, Member, Seen, look_at
from holdfast.cli.ops.rails import Rails, script
from holdfast.cli.ops.restart_pods import restart_all, restart_some


@dataclass(frozen=True, slots=True)
class Patience:
    """How long what may take, in seconds, and which part of the connections must be back afterwards."""

    window: float | None
    stop: float
    ready: float
    steady: float
    share: float


@script(limit=DEFAULT_LIMIT)
def restart_rolling(
    rails: Rails,
    only: Annotated[list[str] | None, typer.Option("--only", help="Restart only this one; repeatable.")] = None,
    min_uptime: Annotated[
        float, typer.Option("--min-uptime", min=0, help="Leave out who runs for less: what a roll before did.")
    ] = 0.0,
    window: WindowOption = None,
    stop_timeout: Annotated[float, typer.Option(min=1, help="Seconds for a stop, once nobody is left.")] = 120.0,
    ready_timeout: Annotated[float, typer.Option(min=1, help="Seconds from the start until it is ready.")] = 120.0,
    steady: Annotated[float, typer.Option(min=0, help="Seconds for which all must be fine after each one.")] = 10.0,
    share: Annotated[
        float, typer.Option(min=0, max=100, help="Percentage of the connections that must be there again.")
    ] = 80.0,
) -> None:
    """Drain, stop and start each instance of the instances file in turn. Stops at the first bad sign, with exit code 2.

    Pods are replaced by their Deployment, a new one before each old one goes; with --only or --min-uptime by eviction.

    Whoever is drained already comes first, so that a roll that was stopped can be run again.
    """
    if rails.common.instances is None:
        raise CliError("expected --instances: a file that says how each instance is stopped and started", Exit.USAGE)
    patience = Patience(window, stop_timeout, ready_timeout, steady, share)
    cluster = rails.fleet.cluster
    if cluster is not None and not only and not min_uptime:
        restart_all(rails, cluster, patience.ready, patience.steady, patience.share)
        return
    members = _chosen(rails, only or [], min_uptime)
    if not members:
        rails.tell("Nothing to restart.")
        return
    if cluster is not None:
        restart_some(rails, cluster, members, patience)
        return
    done: list[str] = []
    rails.facts["restarted"] = done
    for member in members:
        if rails.begins(f"restart {member.name}", member):
            _restart(rails, member, patience)
            done.append(member.name)
    if done:
        rails.tell(f"Restarted {', '.join(done)}; all serve.")


def _chosen(rails: Rails, only: list[str], min_uptime: float) -> list[Member]:
    """Return whom to restart, in order.

    Raises:
        CliError: it cannot be done, or should not be begun.
    """
    fleet = rails.fleet
    nodes, seen = fleet.nodes(), fleet.look()
    if (strangers := sorted(set(nodes) - set(seen))) and not only:
        raise CliError(
            f"the instances file does not have {', '.join(strangers)}, which would keep the old version.\n"
            "  Add it, or name with --only whom you mean.",
            Exit.REFUSED,
        )
    _check_begin(rails, seen)
    names = [fleet.member(name).name for name in only] or list(fleet.members)
    members = [fleet.member(name) for name in names if nodes.get(name, {}).get("uptime", math.inf) >= min_uptime]
    for member in members:
        member.target.check()
        check_share(rails, member, seen)
    return sorted(members, key=lambda one: seen[one.name].state == SERVING)


def _check_begin(rails: Rails, seen: dict[str, Seen]) -> None:
    """Let at most one instance be away: one that a former roll, or an operator, has drained."""
    away = [name for name, one in seen.items() if one.state in {"leaving", "draining", "drained"}]
    rails.check_others(seen, away[0] if away else "")


def _restart(rails: Rails, member: Member, patience: Patience) -> None:
    fleet = rails.fleet
    seen = fleet.look()
    rails.check_others(seen, member.name)
    total = sum(one.connections for one in seen.values())
    former = fleet.nodes().get(member.name, {}).get("uid", "")
    try:
        empty(rails, member, patience.window)
        member.target.stop()
        rails.wait(lambda: _still_there(member), patience.stop, f"stopping {member.name}")
        member.target.start()
        rails.wait(lambda: _not_yet(rails, member, former), patience.ready, f"starting {member.name}")
    except CliError as error:
        raise CliError(f"{error}\n  {_state_of(member)} The other instances were not touched.", error.code) from None
    rails.tell(f"{member.name} serves again.")
    _rest(rails, total, patience)


def _still_there(member: Member) -> str:
    if member.target.is_running():
        return "its process is there"
    return "it still answers" if look_at(member).state != "down" else ""


def _not_yet(rails: Rails, member: Member, former: str) -> str:
    if failure := member.target.failure():
        raise CliError(f"starting {member.name}: {failure}", Exit.REFUSED)
    seen = look_at(member)
    if seen.problem:
        return seen.problem
    node: dict[str, Any] = rails.fleet.nodes().get(member.name, {})
    return "" if node.get("uid", former) != former else "the others do not see it yet"


def _state_of(member: Member) -> str:
    seen = look_at(member)
    if seen.state in {"leaving", "draining", "drained"}:
        return f"{member.name} is {seen.state}; `drain_instance {member.name} --back` lets it serve again."
    return f"{member.name} {'serves.' if not seen.problem else 'does not serve: ' + seen.problem}"


def _rest(rails: Rails, total: int, patience: Patience) -> None:
    """Stay until all were fine for a while and clients are back.

    Raises:
        CliError: one is not, or too few have come back.
    """
    began = rails.time.clock()
    rails.facts["connections"] = {"before": total}

    def missing() -> str:
        seen = rails.fleet.look()
        if bad := [f"{one.name}: {one.problem}" for one in seen.values() if one.problem]:
            raise CliError(f"not at rest: {'; '.join(bad)}", Exit.REFUSED)
        there = sum(one.connections for one in seen.values())
        rails.facts["connections"]["after"] = there
        if rails.time.clock() - began < patience.steady:
            return f"all serve, for {patience.steady:g} s"
        return "" if there * 100 >= total * patience.share else f"{there} of {total} connection(s) are back"

    rails.wait(missing, patience.steady + patience.ready, "coming to rest")
