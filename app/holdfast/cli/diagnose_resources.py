"""`holdfast diagnose resources`: limits as they are, and how many more connections fit."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.diagnoses import show
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

if TYPE_CHECKING:
    from holdfast.cli.place import Place
    from holdfast.diagnostics.findings import Diagnosis
    from holdfast.settings import Settings

ADMIN_PATH = "/admin/diagnostics/resources"


def diagnose_resources(
    pid: Annotated[int, typer.Option(min=0, help="Look at this process of this machine instead of asking.")] = 0,
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say which limits the gateway has, how many more connections fit, and which limit comes first.

    The gateway itself answers, where it runs and `admin.token` is known; else it is this command's own process, on this
    machine, that is looked at.

    Exits 0 fine, 1 with a warning, 2 where a limit is nearly reached, 4 where it cannot be told.
    """
    if pid and not Path(f"/proc/{pid}").is_dir():
        raise CliError(f"--pid: there is no process {pid} here", Exit.USAGE)
    raise typer.Exit(show(found(config, url, admin_token, pid), as_json=as_json))


def found(config: Path | None, url: str, admin_token: str, pid: int = 0) -> Diagnosis:
    """Return the gateway's diagnosis, that of a process, or, where nothing answers, that of this one.

    Raises:
        CliError: a gateway was named and does not answer, or refuses.
    """
    from holdfast.cli.diagnoses import asked
    from holdfast.cli.place import admin_place, settings

    if pid:
        return local(settings(config), pid, is_gateway=True)
    place = admin_place(config, url, admin_token)
    if url or _is_there(place):
        return asked(place, ADMIN_PATH)
    return local(settings(config), os.getpid(), is_gateway=False)


def local(loaded: Settings, pid: int, *, is_gateway: bool) -> Diagnosis:
    """Diagnose a process of this machine."""
    from holdfast.diagnostics.resources import ResourceDiagnosticService, Subject

    return asyncio.run(ResourceDiagnosticService(loaded, Subject(pid, is_gateway)).run())


def _is_there(place: Place) -> bool:
    from holdfast.cli.api_client import get

    if not place.admin_token:
        return False
    try:
        return get(f"{place.internal}/livez").status_code == 200
    except CliError:
        return False
