"""Empty one instance, while all others serve: before work on its machine, or before it is taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from holdfast.cli.drain import PATH, line_of
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.fleet import SERVING, Member, Seen
from holdfast.cli.ops.rails import Rails, script

DEFAULT_LIMIT = 50.0
# Beyond the moment at which a drain says that it is over.
GRACE_SECONDS = 60.0

WindowOption = Annotated[
    float | None, typer.Option("--window", min=0, help="Seconds over which clients leave; else that of the settings.")
]


@script(limit=DEFAULT_LIMIT)
def drain_instance(
    rails: Rails,
    instance: Annotated[str, typer.Argument(help="Its name.")],
    window: WindowOption = None,
    back: Annotated[bool, typer.Option("--back", help="Let it serve again instead.")] = False,
) -> None:
    """Send all clients of an instance to the others and wait until it is empty. It goes on running.

    Refuses while another instance does not serve. Usual limit: 50 % of all connections.
    """
    member = rails.fleet.member(instance)
    status = member.ask(PATH)
    rails.facts["drain"] = status
    if back:
        _bring_back(rails, member, status)
        return
    if status["state"] == "drained":
        rails.tell(line_of(status))
        return
    seen = rails.fleet.look()
    rails.check_others(seen, instance)
    check_share(rails, member, seen)
    if rails.begins(f"drain {instance}, {status['connections']} connection(s)", member):
        empty(rails, member, window)


def check_share(rails: Rails, member: Member, seen: Mapping[str, Seen]) -> None:
    """Hold a drain to the limit.

    Raises:
        CliError: the instance has too many of all connections.
    """
    counts = rails.fleet.counts(seen)
    rails.check_limit(counts[member.name], sum(counts.values()), f"draining {member.name}")


def empty(rails: Rails, member: Member, window: float | None) -> None:
    """Order a drain, unless there is one, and wait until nobody is left.

    Raises:
        CliError: it was cancelled, or takes longer than it said.
    """
    reason = rails.common.reason[:200]
    answer = member.order(PATH, {"reason": reason} | ({} if window is None else {"window": window}))

    def missing() -> str:
        status: dict[str, Any] = member.ask(PATH)
        rails.facts["drain"] = status
        if status["state"] == SERVING:
            raise CliError(f"{member.name}: the drain was cancelled", Exit.REFUSED)
        return "" if status["state"] == "drained" else line_of(status)

    rails.wait(missing, answer["seconds_left"] + GRACE_SECONDS, f"draining {member.name}")
    rails.tell(line_of(rails.facts["drain"]))


def _bring_back(rails: Rails, member: Member, status: dict[str, Any]) -> None:
    if status["state"] == SERVING:
        rails.tell(line_of(status))
    elif rails.begins(f"let {member.name} serve again", member):
        rails.facts["drain"] = member.order(f"{PATH}/cancel", {})
        rails.tell(line_of(rails.facts["drain"]))
