"""`holdfast diagnose`: what is wrong, and what to do."""

from __future__ import annotations

import typer

from holdfast.cli import diagnose_token

app = typer.Typer(
    name="diagnose",
    help="Find what is wrong, and say what to do.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("token")(diagnose_token.diagnose_token)


@app.callback()
def diagnose() -> None:
    """Find what is wrong, and say what to do."""
