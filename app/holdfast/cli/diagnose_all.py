"""`holdfast diagnose all`: every service there is, one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli import diagnose_connections, diagnose_resources, diagnose_token
from holdfast.cli.diagnoses import show_all
from holdfast.cli.failure import CliError
from holdfast.cli.output import JsonFlag
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

if TYPE_CHECKING:
    from holdfast.diagnostics.findings import Diagnosis

Service = Callable[[Path | None, str, str], "Diagnosis"]
"""Takes settings file, URL and admin token; raises CliError where it cannot tell."""


def _token(config: Path | None, url: str, admin_token: str) -> Diagnosis:
    if url:
        return diagnose_token.asked(config, url, admin_token)
    return asyncio.run(diagnose_token.diagnose(config))


SERVICES: Mapping[str, Service] = {
    "token": _token,
    "resources": diagnose_resources.found,
    "connections": diagnose_connections.found,
}
"""By name; in this order."""


def diagnose_all(
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Run every diagnosis: tokens, limits, failing connections. Prints what is not fine, the worst first.

    Exits with the worst of them: 0 fine, 1 with a warning, 2 critical, 4 where it cannot be told.
    """
    from holdfast.cli.place import settings

    if config or not url:
        settings(config)  # with faults in them, as for every command, there is nothing else to say
    raise typer.Exit(show_all([run(name, config, url, admin_token) for name in SERVICES], as_json=as_json))


def run(name: str, config: Path | None, url: str, admin_token: str) -> Diagnosis:
    """Run one service; where it cannot, that is what it found."""
    from holdfast.diagnostics.findings import Diagnosis, Finding
    from holdfast.errors import ConfigError

    try:
        return SERVICES[name](config, url, admin_token)
    except CliError as error:
        what, _, remedy = str(error).partition("\n")
        return Diagnosis(name, (Finding("asked", "unknown", what, "", remedy.strip()),))
    except ConfigError as error:
        faults = (Finding("settings", "critical", fault, "", "Correct the setting.") for fault in error.faults)
        return Diagnosis(name, tuple(faults))
