"""`holdfast profile check`: this host or pod against the profile."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, columns, note, result, result_json, terminal_width
from holdfast.cli.profile_host import RoleOption

if TYPE_CHECKING:
    from holdfast.verify.judge import Result


def check(
    profile: Annotated[
        str, typer.Option("--profile", "-p", help="production, staging, local, or a file.", metavar="NAME|FILE")
    ] = "production",
    role: RoleOption = None,
    waivers: Annotated[str, typer.Option("--waivers", help="Drift that is put up with, in YAML.", metavar="FILE")] = "",
    textfile: Annotated[
        str, typer.Option("--textfile", help="Write metrics for the node exporter.", metavar="FILE")
    ] = "",
    wait: Annotated[
        float,
        typer.Option("--wait", min=0, max=60, help="Seconds between two readings of counters."),
    ] = 2.0,
    redis_password_file: Annotated[
        str, typer.Option("--redis-password-file", help="Where it stands, if not in Redis' own file.", metavar="FILE")
    ] = "",
    haproxy_socket: Annotated[
        str, typer.Option("--haproxy-socket", help="HAProxy's stats socket.", metavar="FILE", show_default="found")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Hold this host or pod against the profile: what is in force, not what files say. Changes nothing.

    Run it as root: limits, sockets and namespaces of other users' processes are read. Exits 1 where something has
    drifted, 4 where something could not be checked.
    """
    from holdfast.verify import reports

    places = {"redis_password_file": redis_password_file, "haproxy_socket": haproxy_socket}
    name, facts, results = _checked(profile, role, waivers, {"wait": wait, **places})
    if textfile:
        _write(textfile, reports.textfile(results, name, time.time()))
    if as_json:
        result_json(reports.as_json(results, facts, name))
    else:
        _print(results, facts, name)
    raise typer.Exit(reports.exit_code(results))


def _checked(
    profile: str, role: list[str] | None, waivers: str, places: dict[str, Any]
) -> tuple[str, Any, list[Result]]:
    from holdfast.profile import load
    from holdfast.profile.facts import ROLES
    from holdfast.verify.collect.document import collect
    from holdfast.verify.controls import controls, host_facts, names, request_for
    from holdfast.verify.judge import judge
    from holdfast.verify.waivers import load_waivers

    loaded, roles = load(profile), frozenset(role or ["gateway"])
    if strange := roles - set(ROLES):
        raise CliError(f"expected --role of {', '.join(ROLES)}, saw {', '.join(sorted(strange))}", Exit.USAGE)
    tolerated = load_waivers(waivers, names(loaded)) if waivers else []
    facts = collect(request_for(loaded, roles) | places)
    found = controls(loaded, host_facts(facts, roles))
    return loaded.name, facts, judge(found, facts, tolerated, datetime.now(UTC).date())


def _print(results: list[Result], facts: Any, name: str) -> None:
    from holdfast.verify import reports

    if told := reports.told(results):
        result(columns([reports.row(one) for one in told], reports.HEAD, terminal_width()))
    note(f"{facts['host']['name']} against profile {name}: {reports.summary(results)}")


def _write(path: str, text: str) -> None:
    from holdfast.verify import reports

    try:
        reports.write(path, text)
    except OSError as error:
        said = f"{path}: expected to write metrics there, the system answered {error.strerror}"
        raise CliError(said, Exit.UNKNOWN) from None
