"""`holdfast diagnose connections`: what a running instance knows of its connections, and the proxies' configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

if TYPE_CHECKING:
    from holdfast.diagnostics.findings import Diagnosis, Finding
    from holdfast.diagnostics.terms import Terms

NginxOption = Annotated[
    list[Path] | None,
    typer.Option("--nginx", help="nginx configuration on the way, a file or a folder; may be repeated."),
]
HaproxyOption = Annotated[
    list[Path] | None,
    typer.Option("--haproxy", help="HAProxy configuration on the way, a file or a folder; may be repeated."),
]


def diagnose_connections(
    nginx: NginxOption = None,
    haproxy: HaproxyOption = None,
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Tell why connections fail or end early, and whether the proxies on the way suit the gateway.

    The gateway itself answers; where none does, the proxies' files are compared with the settings alone.

    Exits 0 fine, 1 with a warning, 2 where clients cannot connect or are cut, 4 where it cannot be told.
    """
    from holdfast.cli.diagnoses import show

    diagnosis = found(config, url, admin_token, nginx or (), haproxy or ())
    raise typer.Exit(show(diagnosis, as_json=as_json))


def found(
    config: Path | None, url: str, admin_token: str, nginx: Sequence[Path] = (), haproxy: Sequence[Path] = ()
) -> Diagnosis:
    """Return the gateway's diagnosis, and what is found in files.

    Raises:
        CliError: the gateway refuses, or nothing answers and there are no files.
    """
    from holdfast.cli.admin_client import RefusedError

    if not nginx and not haproxy:
        return _ask(config, url, admin_token)
    try:
        diagnosis = _ask(config, url, admin_token)
    except CliError as error:
        if error.code is not Exit.UNKNOWN or isinstance(error, RefusedError):
            raise
        diagnosis = _unanswered(error)
    return diagnosis.with_findings(_of_files(nginx, haproxy, _terms(diagnosis, config)))


def _ask(config: Path | None, url: str, admin_token: str) -> Diagnosis:
    from holdfast.cli.diagnoses import asked
    from holdfast.cli.place import admin_place
    from holdfast.wiring_paths import CONNECTIONS_PATH

    return asked(admin_place(config, url, admin_token), CONNECTIONS_PATH)


def _unanswered(error: CliError) -> Diagnosis:
    from holdfast.diagnostics.connections import SERVICE
    from holdfast.diagnostics.findings import Diagnosis, Finding

    what, _, remedy = str(error).partition("\n")
    text = "No gateway answered, so only files and settings were compared."
    return Diagnosis(SERVICE, (Finding("asked", "unknown", text, what, remedy.strip()),))


def _terms(diagnosis: Diagnosis, config: Path | None) -> Terms:
    """Return what the instance runs with, or where none answered, what the settings say."""
    from holdfast.cli.place import settings
    from holdfast.diagnostics.terms import terms_from_json
    from holdfast.wiring_paths import gateway_terms

    return terms_from_json(diagnosis.facts.get("terms")) or gateway_terms(settings(config))


def _of_files(nginx: Sequence[Path], haproxy: Sequence[Path], terms: Terms) -> list[Finding]:
    import os

    from holdfast.diagnostics.haproxy_path import haproxy_of
    from holdfast.diagnostics.nginx_path import nginx_of

    found = [finding for path in nginx for finding in nginx_of(path, terms, os.cpu_count() or 1)]
    return [*found, *(finding for path in haproxy for finding in haproxy_of(path, terms))]
