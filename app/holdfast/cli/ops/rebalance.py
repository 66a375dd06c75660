"""Even out the connections of all instances, one instance at a time."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.cli.failure import Exit
from holdfast.cli.ops.fleet import Member
from holdfast.cli.ops.rails import Rails, script
from holdfast.cli.rebalance import PATH

GRACE_SECONDS = 60.0


@script(limit=50.0)
def rebalance(
    rails: Rails,
    rate: Annotated[float, typer.Option("--rate", min=0.01, help="Clients a second.")] = 20.0,
) -> None:
    """Let each instance that has more than tolerated above the mean send the excess away, and wait for it.

    Exits 1 when it is uneven afterwards: then the balancer sends clients back. Usual limit: 50 % of all connections.
    """
    fleet = rails.fleet
    rails.check_others(fleet.look(), "")
    found = {name: member.ask(PATH) for name, member in fleet.members.items()}
    uneven = {name: one for name, one in found.items() if _is_uneven(one)}
    rails.facts["before"] = {name: one["connections"] for name, one in found.items()}
    if not uneven:
        rails.tell("No instance has more than tolerated above the mean.")
        return
    total = sum(next(iter(found.values()))["instances"].values())
    rails.check_limit(sum(one["excess"] for one in uneven.values()), total, "evening out")
    for name, one in uneven.items():
        member = fleet.member(name)
        if rails.begins(f"send {one['excess']} of {one['connections']} connection(s) of {name} away", member):
            _shed(rails, member, rate)
    if rails.acted:
        _conclude(rails)


def _is_uneven(status: dict[str, Any]) -> bool:
    return bool(status["connections"] > status["mean"] * (1 + status["tolerance"]))


def _shed(rails: Rails, member: Member, rate: float) -> None:
    answer = member.order(PATH, {"rate": rate})

    def missing() -> str:
        status = member.ask(PATH)
        return "" if status["state"] == "idle" else f"{status['left']} of {status['total']} left to send away"

    rails.wait(missing, answer["total"] / rate + GRACE_SECONDS, f"evening out {member.name}")


def _conclude(rails: Rails) -> None:
    found = {name: member.ask(PATH) for name, member in rails.fleet.members.items()}
    rails.facts["after"] = {name: one["connections"] for name, one in found.items()}
    rails.tell(", ".join(f"{name} has {count}" for name, count in rails.facts["after"].items()))
    if any(_is_uneven(one) for one in found.values()):
        rails.tell("It is uneven still: look for stickiness in the balancer, and at clients that have not moved yet.")
        rails.found(Exit.FOUND)
