"""`holdfast diagnose connections`: what a running instance knows of its connections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.output import JsonFlag
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

if TYPE_CHECKING:
    from holdfast.diagnostics.findings import Diagnosis


def diagnose_connections(
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell why connections fail or end early, which stage is slow, and whether the way suits the gateway.

    Exits 0 fine, 1 with a warning, 2 where clients cannot connect or are cut, 4 where it cannot be told.
    """
    from holdfast.cli.diagnoses import show

    raise typer.Exit(show(found(config, url, admin_token), as_json=as_json))


def found(config: Path | None, url: str, admin_token: str) -> Diagnosis:
    """Return the gateway's diagnosis.

    Raises:
        CliError: the gateway refuses, or nothing answers.
    """
    from holdfast.cli.admin_client import ask
    from holdfast.cli.diagnoses import from_json
    from holdfast.cli.place import admin_place
    from holdfast.wiring_paths import CONNECTIONS_PATH

    return from_json(ask(admin_place(config, url, admin_token), CONNECTIONS_PATH))
