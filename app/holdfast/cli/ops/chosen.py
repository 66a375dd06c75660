"""Whom an order to users and addresses would meet, on all instances."""

from __future__ import annotations

from typing import Any

from holdfast.cli.failure import Exit
from holdfast.cli.ops.fleet import Member
from holdfast.cli.ops.rails import Rails

PATH = "/admin/disconnect"


def count(rails: Rails, member: Member, users: list[str], addresses: list[str], what: str) -> int:
    """Return how many connections are meant, and hold that to the limit.

    Raises:
        CliError: more than the limit allows, or the instances cannot be asked.
    """
    found = member.order(PATH, {"users": users, "addresses": addresses})
    instances = found["instances"]
    rails.facts["chosen"] = {name: one["chosen"] for name, one in instances.items()}
    chosen: int = sum(rails.facts["chosen"].values())
    tell_missing(rails, found["missing"])
    rails.check_limit(chosen, sum(one["connections"] for one in instances.values()), what)
    return chosen


def tell_missing(rails: Rails, missing: list[str]) -> None:
    """Say which instances did not answer; that is exit code 1."""
    if missing:
        rails.facts["missing"] = missing
        rails.tell(f"Not confirmed by {', '.join(missing)}: run this again when they are back.")
        rails.found(Exit.FOUND)


def left_of(found: dict[str, Any]) -> int:
    """Return how many connections have still to be told to leave."""
    return sum(one["left"] for one in found["instances"].values())
