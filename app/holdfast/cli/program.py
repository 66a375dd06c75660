"""Puts the command groups together and turns every end of a command into its exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from holdfast.cli import (
    channels,
    codes,
    config,
    diagnose,
    drain,
    explain,
    health,
    probe,
    profile,
    publish,
    rebalance,
    revoke,
    serve,
    smoke,
    state,
    subscribe,
    token,
    user,
    version,
)
from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops import commands as ops
from holdfast.cli.output import OutputError, note
from holdfast.errors import ConfigError, GatewayError


class Program(TyperGroup):
    """Exits as the project's programs do: 3 for usage and settings, 2 for a refusal, the command's own code else."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run one command line; raises SystemExit like any typer program unless `standalone_mode` is off."""
        code = self._outcome(args, prog_name, **extra)
        if standalone_mode:
            raise SystemExit(code)
        return code

    def _outcome(self, args: Sequence[str] | None, prog_name: str | None, **extra: Any) -> int:
        try:
            return int(super().main(args, prog_name, standalone_mode=False, **extra) or Exit.FINE)
        except TyperException as error:
            # Its own exit code would be 2, which here means that something was refused.
            show_error(error)
            return Exit.USAGE
        except ConfigError as error:
            note(f"{error.heading}:")
            for fault in error.faults:
                note(f"  - {fault}")
            return Exit.USAGE
        except GatewayError as error:
            note(f"holdfast: {error}\n  {error.code.remedy}")
            return Exit.REFUSED
        except CliError as error:
            note(f"holdfast: {error}")
            return error.code
        except OutputError as error:
            note(f"holdfast: cannot write the result: {error}")
            return Exit.UNKNOWN
        except typer.Abort:
            note("Aborted.")
            return Exit.FOUND


def show_error(error: TyperException) -> None:
    """Print a usage error with the usage line, as typer would have."""
    show = getattr(error, "show", None)  # on its usage errors only, whose class typer does not export
    if show:
        show()
    else:
        note(str(error))


app = typer.Typer(
    name="holdfast",
    cls=Program,
    help="Holdfast, a WebSocket gateway for the Centrifuge protocol."
    "\n\nExit codes: 0 fine, 1 found something, 2 refused or critical, 3 bad settings or usage, 4 could not check.",
    no_args_is_help=True,
    # Plain text reads the same on a terminal, in a pipe and in a log.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("serve")(serve.serve)
app.add_typer(token.app, name="token")
app.add_typer(config.app, name="config")
app.add_typer(profile.app, name="profile")
app.command("publish")(publish.publish)
app.command("subscribe")(subscribe.subscribe)
app.command("channels")(channels.channels)
app.command("info")(channels.info)
app.command("revoke")(revoke.revoke)
app.add_typer(drain.app, name="drain")
app.add_typer(rebalance.app, name="rebalance")
app.add_typer(ops.app, name="ops")
app.add_typer(user.app, name="user")
app.add_typer(state.app, name="state")
app.command("codes")(codes.codes)
app.command("explain")(explain.explain)
app.add_typer(diagnose.app, name="diagnose")
app.command("health")(health.health)
app.command("probe")(probe.probe)
app.command("smoke")(smoke.smoke)
app.command("version")(version.version)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code."""
    return int(app(args=list(arguments), prog_name="holdfast", standalone_mode=False))


def main() -> None:
    """Run the command line of this process and exit with its code."""
    sys.exit(run(sys.argv[1:]))
