"""`holdfast profile`: the production profile, its numbers and what is made from it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, columns, note, result, result_json, terminal_width
from holdfast.cli.profile_check import check
from holdfast.cli.profile_host import CoresOption, HereOption, KernelOption, MemoryOption, RoleOption, host_of

app = typer.Typer(
    no_args_is_help=True,
    help="The production profile: what a fleet is meant to do, and every number that follows. See docs/profile.md.",
    rich_markup_mode=None,
)
ProfileOption = Annotated[
    str, typer.Option("--profile", "-p", help="production, staging, local, or a file of your own.", metavar="NAME|FILE")
]


@app.command()
def show(
    profile: ProfileOption = "production",
    memory: MemoryOption = "",
    cores: CoresOption = 0,
    kernel: KernelOption = "",
    role: RoleOption = None,
    here: HereOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Print what a host gets: every key, limit and check, with its number."""
    from holdfast.profile import expectations, load
    from holdfast.profile.render.table import shown
    from holdfast.profile.variables import expectation_vars

    loaded = load(profile)
    facts = host_of(loaded, memory, cores, kernel, role, here)
    found = expectations(loaded, facts)
    if as_json:
        result_json([expectation_vars(one) for one in found])
        return
    rows = [(one.id, one.kind, one.key, one.mode, "" if one.value is None else shown(one.value)) for one in found]
    result(columns(rows, ("ID", "KIND", "KEY", "MODE", "VALUE"), terminal_width()))
    note(f"Profile {loaded.name}: {' '.join(loaded.description.split())}\n`holdfast profile explain KEY` says why.")


@app.command()
def explain(
    key: Annotated[str, typer.Argument(help="A key, an id, an intent, a calculated number or an alert.")],
    profile: ProfileOption = "production",
    memory: MemoryOption = "",
    cores: CoresOption = 0,
    kernel: KernelOption = "",
    role: RoleOption = None,
    here: HereOption = False,
) -> None:
    """Say what a number is, which intent it comes from, why, what it costs, how to undo it."""
    from holdfast.profile import load
    from holdfast.profile.explain import explain as explanation

    loaded = load(profile)
    result(explanation(loaded, host_of(loaded, memory, cores, kernel, role, here), key))


@app.command()
def derive(
    profile: ProfileOption = "production",
    memory: MemoryOption = "",
    cores: CoresOption = 0,
    kernel: KernelOption = "",
    role: RoleOption = None,
    here: HereOption = False,
    as_json: JsonFlag = False,
) -> None:
    """Print every calculated number with its formula."""
    from holdfast.profile import load
    from holdfast.profile.derived import MEANINGS
    from holdfast.profile.render.table import shown
    from holdfast.profile.variables import derived_vars

    loaded = load(profile)
    numbers = derived_vars(loaded, host_of(loaded, memory, cores, kernel, role, here))
    if as_json:
        result_json(numbers)
        return
    rows = [
        (name, shown(numbers[name]), meaning.unit, meaning.formula)
        for name, meaning in MEANINGS.items()
        if name != "alerts"
    ]
    rows += [(name, shown(value), "", "alert above it") for name, value in numbers["alerts"].items()]
    result(columns(rows, ("NUMBER", "VALUE", "UNIT", "FORMULA"), terminal_width()))


@app.command()
def render(
    target: Annotated[str, typer.Argument(help="What to make, see above.")],
    profile: ProfileOption = "production",
    gateway: Annotated[
        list[str] | None,
        typer.Option(
            "--gateway", metavar="NAME=ADDRESS", help="A gateway host behind HAProxy; may be given repeatedly."
        ),
    ] = None,
    memory: MemoryOption = "",
    cores: CoresOption = 0,
    kernel: KernelOption = "",
    role: RoleOption = None,
    here: HereOption = False,
) -> None:
    """Print a file made from the profile.

    Targets: sysctl, modules, modprobe, unit, haproxy, redis, sentinel, gateway, helm, compose, compose-haproxy,
    alerts, docs, capacity, json.
    """
    from holdfast.profile import load
    from holdfast.profile.render.haproxy import haproxy, slots
    from holdfast.profile.render.targets import render as rendered

    loaded = load(profile)
    facts = host_of(loaded, memory, cores, kernel, role or _roles_of(target), here)
    if gateway and target != "haproxy":
        raise CliError(f"expected --gateway for haproxy alone, saw it for {target}", Exit.USAGE)
    servers = slots(loaded.intents, dict(_host(one) for one in gateway or ()))
    result((haproxy(loaded, facts, servers) if servers else rendered(target, loaded, facts)).rstrip("\n"))


def _roles_of(target: str) -> list[str]:
    return {"haproxy": ["load_balancer"], "redis": ["redis"], "sentinel": ["redis"]}.get(target, ["gateway"])


def _host(text: str) -> tuple[str, str]:
    name, _, address = text.partition("=")
    if not name or not address or not (name + address).isascii() or any(one.isspace() for one in text):
        raise CliError(f"expected --gateway NAME=ADDRESS such as gw1=10.0.0.11, saw {text!r}", Exit.USAGE)
    return name, address


@app.command()
def diff(
    one: Annotated[str, typer.Argument(help="A profile's name or file.")],
    other: Annotated[str, typer.Argument(help="Another one's.")],
    as_json: JsonFlag = False,
) -> None:
    """Print what differs between two profiles, each on its reference host. Exits 1 where something does."""
    from holdfast.profile import load
    from holdfast.profile.compare import differences

    first, second = load(one), load(other)
    hosts = first.intents.reference.facts(), second.intents.reference.facts()
    found = differences(first, second, hosts)
    if as_json:
        result_json([asdict(each) for each in found])
    elif found:
        rows = [(each.kind, each.name, each.before or "-", each.after or "-") for each in found]
        result(columns(rows, ("WHAT", "NAME", first.name.upper(), second.name.upper()), terminal_width()))
    else:
        note(f"{one} and {other} are the same")
    raise typer.Exit(Exit.FOUND if found else Exit.FINE)


@app.command()
def lint(
    profile: Annotated[str, typer.Argument(help="production, staging, local, or a file of your own.")] = "production",
    sysctl: Annotated[
        list[Path] | None,
        typer.Option("--sysctl", help="Look at a file of sysctl.d for recipes that do harm, instead of a profile."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Report every fault of a profile: its form, numbers that contradict each other, recipes that do harm.

    Exits 3 where there are faults.
    """
    from holdfast.profile.lint import lint as lint_profile
    from holdfast.profile.lint import lint_sysctl

    found = [fault for path in sysctl for fault in lint_sysctl(path)] if sysctl else lint_profile(profile)
    if as_json:
        result_json([asdict(fault) for fault in found])
    else:
        result("\n".join(f"{fault.name}\n    {fault.text}" for fault in found) or "no faults")
    raise typer.Exit(Exit.USAGE if found else Exit.FINE)


@app.command()
def schema() -> None:
    """Print the JSON schema of profile files, for an editor."""
    from holdfast.profile.schema import schema_text

    result(schema_text().rstrip("\n"))


app.command()(check)
