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
    state: Annotated[
        str, typer.Option("--state", help="Keeps counters, to find what grew since the last check.", metavar="FILE")
    ] = "",
    redis_password_file: Annotated[
        str, typer.Option("--redis-password-file", help="Where it stands, if not in Redis' own file.", metavar="FILE")
    ] = "",
    haproxy_socket: Annotated[
        str, typer.Option("--haproxy-socket", help="HAProxy's stats socket.", metavar="FILE", show_default="found")
    ] = "",
    as_json: JsonFlag = False,
) -> None:
    """Hold this host or pod against the profile: what is in force, not what files say. Changes nothing on it.

    Run it as root: limits, sockets and namespaces of other users' processes are read. Exits 1 where something has
    drifted, 4 where something could not be checked.
    """
    from holdfast.verify import history, reports

    now = time.time()
    places = {"redis_password_file": redis_password_file, "haproxy_socket": haproxy_socket}
    name, facts, results, seen = _checked(profile, role, waivers, {"wait": wait, **places}, (state, now))
    if textfile:
        _write(textfile, reports.textfile(results, name, now), "metrics", 0o644)
    if state:
        _write(state, history.text({"this host": seen}), "what counters had", 0o600)
    if as_json:
        result_json(reports.as_json(results, facts, name))
    else:
        _print(results, facts, name)
    raise typer.Exit(reports.exit_code(results))


def _checked(
    profile: str, role: list[str] | None, waivers: str, places: dict[str, Any], remembered: tuple[str, float]
) -> tuple[str, Any, list[Result], dict[str, Any]]:
    """Return the profile's name, the facts, what they come to, and what the next check wants to know of this one."""
    from holdfast.profile import load
    from holdfast.profile.facts import ROLES
    from holdfast.verify import history
    from holdfast.verify.collect.document import collect
    from holdfast.verify.controls import controls_of, counters, names, request_for
    from holdfast.verify.judge import judge
    from holdfast.verify.waivers import load_waivers

    loaded, roles = load(profile), frozenset(role or ["gateway"])
    if strange := roles - set(ROLES):
        raise CliError(f"expected --role of {', '.join(ROLES)}, saw {', '.join(sorted(strange))}", Exit.USAGE)
    tolerated = load_waivers(waivers, names(loaded)) if waivers else []
    facts, (path, now) = collect(request_for(loaded, roles) | places), remembered
    found = controls_of(loaded, facts, roles)
    if path:
        facts = history.compared(facts, history.load(path).get("this host"), now)
    results = judge(found, facts, tolerated, datetime.now(UTC).date())
    return loaded.name, facts, results, history.record(facts, counters(loaded), now)


def _print(results: list[Result], facts: Any, name: str) -> None:
    from holdfast.verify import reports

    if told := reports.told(results):
        result(columns([reports.row(one) for one in told], reports.HEAD, terminal_width()))
    note(f"{facts['host']['name']} against profile {name}: {reports.summary(results)}{reports.loose(facts)}")


def _write(path: str, text: str, what: str, mode: int) -> None:
    from holdfast.verify import reports

    try:
        reports.write(path, text, mode)
    except OSError as error:
        said = f"{path}: expected to write {what} there, the system answered {error.strerror}"
        raise CliError(said, Exit.UNKNOWN) from None
