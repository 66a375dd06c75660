"""`holdfast serve`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from holdfast.cli.failure import CliError
from holdfast.cli.output import note, result
from holdfast.cli.place import ServeConfigOption
from holdfast.telemetry.last_word import LastWord

NOT_STARTED = """
The gateway did not start; the reason stands above. If port {port} is taken:
  HOLDFAST_PORT={other} make run            or: holdfast serve --dev --port {other}
"""


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; else HOLDFAST_HOST.", show_default=False)
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; else HOLDFAST_PORT.", show_default=False)] = None,
    dev: Annotated[
        bool, typer.Option("--dev", help="Make secrets on first start and print lines to try it with.")
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", help="With --dev: print no such lines, for they hold secrets; output may be kept."),
    ] = False,
    config: ServeConfigOption = None,
    again: Annotated[int | None, typer.Option(hidden=True, help="The port of before a restart.")] = None,
) -> None:
    """Run the gateway until SIGTERM or SIGINT. A second one stops it at once.

    Exits 0 after an orderly stop, 2 when it cannot start, 3 when settings cannot be used or, with --dev, a gateway
    already runs in this folder.
    """
    overrides: dict[str, Any] = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    last_word = LastWord.from_environment(os.environ)
    with last_word.kept(CliError):
        code = _serve_dev(config, overrides, again, quiet=quiet) if dev else _serve(last_word, config, overrides)
    raise typer.Exit(code)


def _serve(last_word: LastWord, config: Path | None, overrides: dict[str, Any]) -> int:
    """Run it and return the exit code; an error that ends it is left to `last_word`."""
    from holdfast.main import run
    from holdfast.settings_load import load_settings

    # No fallback to the file of a first start here: a production start must not pick up what lies about.
    settings = load_settings(config, os.environ, overrides)
    last_word.path = settings.termination_message_path
    return run(settings)


def _serve_dev(config: Path | None, overrides: dict[str, Any], again: int | None, *, quiet: bool) -> int:
    """Run it with secrets of its own, one in a folder, again where the page asks for that; return the exit code."""
    from holdfast.cli.again import start_again
    from holdfast.cli.demo_user import ensure_demo_user
    from holdfast.cli.first_run import dev_settings, lines_to_paste
    from holdfast.cli.running import Note
    from holdfast.main import run
    from holdfast.wiring_dev import DevMode

    if again is not None:
        overrides["port"] = again
    loaded = dev_settings(config, os.environ, overrides)
    noted = Note()
    noted.claim(loaded, config, os.environ)
    ensure_demo_user(loaded)
    started: list[str] = []
    mode = DevMode()

    def on_started(base_url: str) -> None:
        started.append(base_url)
        noted.tell(loaded, base_url)
        if again is not None or quiet:
            result(f"Started{' again' if again is not None else ''} on {base_url}")
        else:
            result(lines_to_paste(loaded, base_url))

    try:
        code = run(loaded, on_started=on_started, dev=mode)
    finally:
        noted.close()
    if started and mode.is_restart_asked and code == 0:
        start_again(urlsplit(started[0]).port or loaded.port)
    if code and not started:
        note(NOT_STARTED.format(port=loaded.port, other=loaded.port + 1))
    return code
