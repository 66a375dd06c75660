"""`holdfast diagnose`: what is wrong with tokens, resources and connections, and what to do."""

from __future__ import annotations

import typer

from holdfast.cli import diagnose_all, diagnose_bundle, diagnose_connections, diagnose_resources, diagnose_token

app = typer.Typer(
    name="diagnose",
    help="Find what is wrong, and say what to do.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("token")(diagnose_token.diagnose_token)
app.command("resources")(diagnose_resources.diagnose_resources)
app.command("connections")(diagnose_connections.diagnose_connections)
app.command("all")(diagnose_all.diagnose_all)
app.command("bundle")(diagnose_bundle.diagnose_bundle)
