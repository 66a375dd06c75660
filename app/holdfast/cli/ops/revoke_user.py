"""Keep a user out: all tokens issued to him until now are refused, and his connections closed, on all instances."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from holdfast.cli.failure import Exit
from holdfast.cli.ops.chosen import count, tell_missing
from holdfast.cli.ops.rails import Rails, script
from holdfast.cli.revoke import PATH


@script(limit=10.0, locks=False)
def revoke_user(
    rails: Rails,
    user: Annotated[str, typer.Argument(help="The user's id.")],
    seconds: Annotated[
        float, typer.Option("--seconds", min=0, help="Keep it so long: what the longest token lives; else 86400.")
    ] = 0.0,
) -> None:
    """Revoke a user. Exits 1 when an instance did not confirm it; it takes it over when it is back.

    Usual limit: 10 % of all connections.
    """
    member = rails.fleet.any()
    here = count(rails, member, [user], [], f"revoking {user!r}")
    if not rails.begins(f"revoke user {user!r}, who has {here} connection(s)", *rails.fleet.members.values()):
        return
    body: dict[str, Any] = {"user": user, "reason": rails.common.reason[:200]}
    done = member.order(PATH, body | ({"seconds": seconds} if seconds else {}))
    rails.facts["revoked"] = done
    rails.tell(f"Revoked user {user!r} for {done['seconds']:g} s; {done['disconnected']} connection(s) closed.")
    tell_missing(rails, done.get("missing", []))
    if not done.get("kept", True):
        rails.tell("The broker is away: other instances take it over when it is back, if this one lives until then.")
        rails.found(Exit.FOUND)
