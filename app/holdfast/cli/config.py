"""`holdfast config`: check, show and document the settings."""

from __future__ import annotations

import typer

from holdfast.cli.output import JsonFlag, note, result, result_json
from holdfast.cli.place import ConfigOption

app = typer.Typer(no_args_is_help=True, help="Check, show and document the settings.", rich_markup_mode=None)


@app.command()
def check(config: ConfigOption = None) -> None:
    """Read the settings as `serve` would and report every fault; exits 3 when there are any."""
    from holdfast.cli.place import settings

    settings(config)
    note("The settings are fine.")


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
