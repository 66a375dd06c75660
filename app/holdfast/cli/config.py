"""`holdfast config`: check, show and document the settings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import typer

from holdfast.cli.failure import Exit
from holdfast.cli.output import JsonFlag, note, result, result_json
from holdfast.cli.place import ConfigOption

if TYPE_CHECKING:
    from holdfast.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Check, show and document the settings.", rich_markup_mode=None)


@app.command()
def check(config: ConfigOption = None) -> None:
    """Report every fault of the settings. Reads keys and certificates too, as a start would.

    Exits 3 where there are faults, 1 where `serve` would start and something is wrong all the same.
    """
    from holdfast.cli.place import settings, source_of

    source = source_of(config, os.environ)
    warnings = file_warnings(settings(config))
    for warning in warnings:
        note(f"  - {warning}")
    note(f"The settings can be used, with {len(warnings)} warning(s)" if warnings else "The settings are fine")
    note(f"  read: {source}")
    raise typer.Exit(Exit.FOUND if warnings else Exit.FINE)


def file_warnings(loaded: Settings) -> list[str]:
    """Load the keys and certificates that the settings name, and return what is wrong although a start would do.

    Raises:
        ConfigError: one of them cannot be used.
    """
    from holdfast.auth.configured import configured_keys
    from holdfast.errors import ConfigError
    from holdfast.proxy.table import ProxyTable
    from holdfast.server.tls import ReloadingContext
    from holdfast.settings_broker_checks import stop_warnings

    warnings = [*_log_warnings(loaded), *_certificate_warnings(loaded), *stop_warnings(loaded)]
    faults: list[str] = []
    makers: list[Callable[[], object]] = [lambda: ProxyTable(loaded, time.monotonic)]
    for rules, path in ((loaded.token, "token"), (loaded.token.subscription, "token.subscription")):
        try:
            warnings += configured_keys(rules, path).warnings if rules is not None else ()
        except ConfigError as error:
            faults += error.faults
    if loaded.tls.cert_file is not None:
        makers.append(lambda: ReloadingContext(loaded.tls))
    for make in makers:
        try:
            make()
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return warnings


def _log_warnings(loaded: Settings) -> Iterator[str]:
    file = loaded.log.file
    if file is None:
        return
    written_to = file if file.exists() else file.parent
    if not written_to.exists() or not os.access(written_to, os.W_OK) or file.is_dir():
        yield f"log.file: {file} cannot be written here by this user; lines would go to standard error"


def _certificate_warnings(loaded: Settings) -> Iterator[str]:
    """Say what clients will refuse; that the file cannot be used at all is a fault, told elsewhere."""
    from holdfast.diagnostics.certificates import certificate_findings

    file = loaded.tls.cert_file
    if file is None or not file.is_file():
        return
    for found in certificate_findings(file.read_bytes(), "", time.time()):
        if found.severity == "critical":  # one that ends soon is no fault of the settings
            yield f"tls.cert_file: {found.summary} ({found.evidence}) {found.remedy}"


@app.command()
def show(config: ConfigOption = None, as_json: JsonFlag = False) -> None:
    """Print the settings that are in force; secrets are masked."""
    import yaml

    from holdfast.cli.place import settings
    from holdfast.settings_docs import settings_show

    shown = settings_show(settings(config))
    if as_json:
        result_json(shown)
    else:
        result(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip("\n"))


@app.command()
def docs() -> None:
    """Print the page docs/configuration.md."""
    from holdfast.settings_docs import render_settings_docs

    result(render_settings_docs().rstrip("\n"))
