"""`holdfast revoke`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, columns, note, result, result_json
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

PATH = "/admin/revocations"


def revoke(
    user: Annotated[str | None, typer.Option("--user", help="Refuse all tokens issued to this user until now.")] = None,
    jti: Annotated[str, typer.Option("--jti", help="Refuse the one token with this id.")] = "",
    seconds: Annotated[
        float, typer.Option("--seconds", help="Keep it so long: what the longest token lives, 86400 if not given.")
    ] = 0,
    reason: Annotated[str, typer.Option("--reason", help="For those who list revocations.")] = "",
    show: Annotated[bool, typer.Option("--list", help="List what is revoked.")] = False,
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Disconnect a user, or whoever uses a token, and keep them out."""
    from holdfast.cli.admin_client import ask, order
    from holdfast.cli.place import admin_place

    if (user is not None) + bool(jti) + show != 1:
        raise CliError("expected one of --user, --jti and --list", Exit.USAGE)
    place = admin_place(config, url, admin_token)
    if show:
        _show(ask(place, PATH), as_json)
        return
    body: dict[str, Any] = {"user": user} if user is not None else {"jti": jti}
    body |= {name: value for name, value in (("seconds", seconds), ("reason", reason)) if value}
    done = order(place, PATH, body)
    if as_json:
        result_json(done)
    else:
        whom = f"user {user!r}" if user is not None else f"token {jti!r}"
        note(f"Revoked {whom} for {done['seconds']:g} s; {done['disconnected']} connection(s) closed.")
        if done.get("missing"):
            note(f"Not confirmed by {', '.join(done['missing'])}: they take it over when they are back.")
        if not done.get("kept", True):
            note("The broker is away: other instances take it over when it is back, if this one lives until then.")


def _show(answer: Any, as_json: bool) -> None:
    found = answer["revocations"]
    if as_json:
        result_json(found)
        return
    rows = [(one["kind"], one["name"], _moment(one["kept_until"]), one["reason"]) for one in found]
    result(columns(rows, ("KIND", "NAME", "UNTIL", "REASON")) if rows else "Nothing is revoked.")


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
