"""`holdfast rebalance`: how connections are spread over instances, and shedding what one has above the mean."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from holdfast.cli.failure import Exit
from holdfast.cli.output import JsonFlag, columns, note, result, result_json
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

PATH: Final = "/admin/rebalance"

app = typer.Typer(help="Spread connections evenly over instances.", no_args_is_help=True)


@app.command("status")
def status(
    url: UrlOption = "", admin_token: AdminTokenOption = "", config: ConfigOption = None, as_json: JsonFlag = False
) -> None:
    """Show the connections of each instance; exit code 1 if the asked one is above the mean by more than tolerated."""
    from holdfast.cli.admin_client import ask
    from holdfast.cli.place import admin_place

    answer = ask(admin_place(config, url, admin_token), PATH)
    _show(answer, as_json)
    if answer["connections"] > answer["mean"] * (1 + answer["tolerance"]):
        raise typer.Exit(Exit.FOUND)


@app.command("start")
def start(
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.01, help="Clients a second; else `rebalance.rate`.")
    ] = None,
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Send what the instance has above the mean away now, whatever `rebalance.mode` says."""
    from holdfast.cli.admin_client import order
    from holdfast.cli.place import admin_place

    answer = order(admin_place(config, url, admin_token), PATH, {} if rate is None else {"rate": rate})
    if not answer["has_changed"]:
        note("It is under way." if answer["state"] == "shedding" else "It has no more connections than the mean.")
    _show(answer, as_json)


@app.command("cancel")
def cancel(
    url: UrlOption = "", admin_token: AdminTokenOption = "", config: ConfigOption = None, as_json: JsonFlag = False
) -> None:
    """Send nobody more away; in the mode `automatic` the instance begins anew once the numbers have come to rest."""
    from holdfast.cli.admin_client import order
    from holdfast.cli.place import admin_place

    answer = order(admin_place(config, url, admin_token), f"{PATH}/cancel", {})
    if not answer["has_changed"]:
        note("There was no rebalance under way.")
    _show(answer, as_json)


def _show(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        result_json(answer)
        return
    rows = [
        (name, count, f"{count / answer['mean'] - 1:+.0%}" if answer["mean"] else "-")
        for name, count in sorted(answer["instances"].items())
    ]
    result(columns(rows, ("INSTANCE", "CONNECTIONS", "OF THE MEAN")))
    doing = f"{answer['left']} of {answer['total']} left to send away" if answer["state"] == "shedding" else "idle"
    gone = f"{answer['moved']} moved, {answer['closed'] + answer['overdue']} closed"
    result(f"{answer['instance']}: mode {answer['mode']}, {answer['excess']} above the mean, {doing}; {gone}.")
