"""`holdfast drain`: empty a running instance, see how far that is, and bring it back."""

from __future__ import annotations

import time
from typing import Annotated, Any, Final

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, note, result, result_json
from holdfast.cli.place import AdminTokenOption, ConfigOption, Place, UrlOption

PATH: Final = "/admin/drain"
POLL_SECONDS: Final = 0.5

app = typer.Typer(help="Send all clients of an instance away, and bring it back.", no_args_is_help=True)

WaitFlag = Annotated[bool, typer.Option("--wait", help="Wait until nobody is left; prints how far it is.")]


@app.command("start")
def start(
    window: Annotated[
        float | None,
        typer.Option("--window", min=0, help="Seconds over which clients leave; else that of the settings."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="For the log and those who ask.")] = "",
    wait: WaitFlag = False,
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Take no newcomers and send every client away at its own moment; the instance stays until it is stopped."""
    from holdfast.cli.admin_client import order
    from holdfast.cli.place import admin_place

    place = admin_place(config, url, admin_token)
    given = (("window", window), ("reason", reason or None))
    answer = order(place, PATH, {name: value for name, value in given if value is not None})
    if not answer["has_changed"]:
        note("It was ordered before and goes on as it is.")
    if not answer["has_peers"]:
        note("This instance has no peers: its clients stay away until `holdfast drain cancel`.")
    if wait:
        answer = {**answer, **_wait(place)}
    _show(answer, as_json)


@app.command("status")
def status(
    url: UrlOption = "", admin_token: AdminTokenOption = "", config: ConfigOption = None, as_json: JsonFlag = False
) -> None:
    """Say how far a drain is; exit code 0 if the instance serves, 1 if not."""
    from holdfast.cli.admin_client import ask
    from holdfast.cli.place import admin_place

    answer = ask(admin_place(config, url, admin_token), PATH)
    _show(answer, as_json)
    if answer["state"] != "serving":
        raise typer.Exit(Exit.FOUND)


@app.command("cancel")
def cancel(
    url: UrlOption = "", admin_token: AdminTokenOption = "", config: ConfigOption = None, as_json: JsonFlag = False
) -> None:
    """Serve again; who has left meanwhile comes back as balancers send them."""
    from holdfast.cli.admin_client import order
    from holdfast.cli.place import admin_place

    answer = order(admin_place(config, url, admin_token), f"{PATH}/cancel", {})
    if not answer["has_changed"]:
        note("There was no drain.")
    _show(answer, as_json)


def _wait(place: Place) -> dict[str, Any]:
    """Return the status of a drain that is done.

    Raises:
        CliError: somebody cancelled it, or the instance is gone.
    """
    from holdfast.cli.admin_client import ask

    told = ""
    while True:
        answer: dict[str, Any] = ask(place, PATH)
        if answer["state"] == "drained":
            return answer
        if answer["state"] == "serving":
            raise CliError("the drain was cancelled", Exit.REFUSED)
        if (line := line_of(answer)) != told:
            note(line)
            told = line
        time.sleep(POLL_SECONDS)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        result_json(answer)
    else:
        result(line_of(answer))


def line_of(answer: dict[str, Any]) -> str:
    """Return where a drain stands, in one line."""
    state, here = answer["state"], answer["connections"]
    if state == "serving":
        return f"{answer['instance']} serves {here} connection(s)."
    left = f"{here} of {answer['total']} connection(s) left"
    gone = f"{answer['moved']} moved, {answer['closed'] + answer['overdue']} closed"
    if state in {"drained", "stopping"}:
        return f"{answer['instance']} is {state}: {left}; {gone}."
    return f"{answer['instance']} is {state}: {left}, {answer['seconds_left']:.0f} s to go; {gone}."
