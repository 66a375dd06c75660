"""Bring a saved state back into Redis: looked at before, tried before, and what is there is saved before."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops import subcommand
from holdfast.cli.ops.backup_state import save
from holdfast.cli.ops.rails import Rails, script
from holdfast.cli.state import LONGEST_AGE, ForceOldFlag, ForcePrefixFlag, ForceReplaceFlag, MaxAgeOption

FORCES = ("force_prefix", "force_old", "force_not_empty", "force_replace")


@script(needs_gateway=False)
def restore_state(
    rails: Rails,
    file: Annotated[Path, typer.Argument(help="File of `backup_state`.")],
    max_age: MaxAgeOption = LONGEST_AGE,
    force_prefix: ForcePrefixFlag = False,
    force_old: ForceOldFlag = False,
    force_not_empty: Annotated[
        bool, typer.Option("--force-not-empty", help="Also where something is, which is saved beside the file first.")
    ] = False,
    force_replace: ForceReplaceFlag = False,
) -> None:
    """Run `holdfast state import`, first without effect, then, with --yes, for good. Running it twice changes nothing.

    Exits 1 when some of it could not be brought back, 2 when the file or what is in Redis speaks against it.
    """
    look = subcommand.run("state", "inspect", str(file))
    if look.code:
        raise CliError(f"{file} cannot be used:\n  {look.said}", Exit(look.code))
    rails.facts["inspect"] = look.answer
    given = dict(zip(FORCES, (force_prefix, force_old, force_not_empty, force_replace), strict=True))
    words = ["state", "import", str(file), "--max-age", f"{max_age:g}"]
    words += [f"--{name.replace('_', '-')}" for name, is_given in given.items() if is_given]
    tried = subcommand.run(*words, config=rails.common.config)
    rails.facts["import"] = tried.answer
    if tried.code > Exit.FOUND:
        raise CliError(f"nothing was changed:\n  {tried.said}", Exit(tried.code))
    if not rails.begins(f"bring {file} back into Redis"):
        return
    if force_not_empty or force_replace:
        before = file.with_name(f"{file.name}.before-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}")
        save(rails, before)
        rails.tell(f"What was there is in {before}.")
    done = subcommand.run(*words, "--yes", config=rails.common.config)
    rails.facts["import"] = done.answer
    if done.code > Exit.FOUND:
        raise CliError(f"the state could not be brought back:\n  {done.said}", Exit(done.code))
    rails.found(Exit(done.code))
    rails.tell("The state is back." if not done.code else "Some of it could not be brought back; --json counts it.")
