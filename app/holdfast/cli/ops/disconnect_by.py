"""Send the clients of users or addresses, or those who had a certain trouble, away; they may come back at once."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops.chosen import PATH, count, left_of, tell_missing
from holdfast.cli.ops.fleet import Member
from holdfast.cli.ops.rails import Rails, script

GRACE_SECONDS = 60.0
# What the gateway takes in one order, and gives of its ledger.
MOST = 1000


@script(limit=10.0)
def disconnect_by(
    rails: Rails,
    user: Annotated[list[str] | None, typer.Option("--user", help="A user's connections; repeatable.")] = None,
    address: Annotated[list[str] | None, typer.Option("--address", help="Those of an address; repeatable.")] = None,
    slug: Annotated[
        str, typer.Option("--slug", help="Those of all users who were refused or closed for this cause lately.")
    ] = "",
    since: Annotated[float, typer.Option("--since", min=1, help="With --slug: seconds back from now.")] = 3600.0,
    rate: Annotated[float, typer.Option("--rate", min=0.01, help="Connections a second, on all instances.")] = 10.0,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stop what is under way.")] = False,
) -> None:
    """Send connections away at a bounded rate, on all instances, and wait until all were told.

    Clients that can move do so without a gap, SDKs reconnect; `revoke_user` keeps a user out. Usual limit: 10 % of all
    connections.
    """
    member = rails.fleet.any()
    if cancel:
        _cancel(rails, member)
        return
    if not (user or address or slug):
        raise CliError("expected --user, --address or --slug", Exit.USAGE)
    users = [*dict.fromkeys([*(user or []), *(_users_of(rails, member, slug, since) if slug else [])])]
    if len(users) > MOST:
        raise CliError(f"{len(users)} users are too many for one order; a shorter --since finds fewer", Exit.REFUSED)
    addresses = address or []
    chosen = count(rails, member, users, addresses, "disconnecting them") if users or addresses else 0
    if not chosen:
        rails.tell("Nobody of them is connected.")
        return
    if rails.begins(f"disconnect {chosen} connection(s), {rate:g} a second", *rails.fleet.members.values()):
        _disconnect(rails, member, {"users": users, "addresses": addresses, "rate": rate}, chosen / rate)


def _disconnect(rails: Rails, member: Member, order: dict[str, object], seconds: float) -> None:
    found = member.order(PATH, order)
    tell_missing(rails, found["missing"])
    if not all(one["has_changed"] for one in found["instances"].values() if one["chosen"]):
        rails.tell("Something of the kind is under way and goes on as it is; run this again when it is over.")
        rails.found(Exit.FOUND)

    def missing() -> str:
        status = member.ask(PATH)
        return f"{left} left" if (left := left_of(status)) else ""

    rails.wait(missing, seconds + GRACE_SECONDS, "disconnecting")
    rails.tell("All were told to leave.")


def _users_of(rails: Rails, member: Member, slug: str, since: float) -> list[str]:
    """Return the users who had this trouble; whoever was never let in, or is anonymous, has no name to go by."""
    query = {"slug": slug, "since": str(int(time.time() - since)), "limit": str(MOST)}
    ended = member.ask("/admin/connections", {**query, "state": "ended"})["connections"]
    refused = member.ask("/admin/attempts", query)["attempts"]
    if max(len(ended), len(refused)) >= MOST:
        rails.tell(f"More than {MOST} records match; run this again for the rest.")
        rails.found(Exit.FOUND)
    return sorted({one["user"] for one in (*ended, *refused) if one.get("user")})


def _cancel(rails: Rails, member: Member) -> None:
    left = left_of(member.ask(PATH))
    if not left:
        rails.tell("Nothing is under way.")
    elif rails.begins(f"let {left} connection(s) stay that were to be disconnected", member):
        tell_missing(rails, member.order(f"{PATH}/cancel", {})["missing"])
