"""Save what a shared Redis holds into a new file, look whether it is whole, and let go of the oldest ones."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.ops import subcommand
from holdfast.cli.ops.rails import Rails, script

PREFIX, SUFFIX = "holdfast-state-", ".snapshot"


@script(needs_gateway=False, locks=False)
def backup_state(
    rails: Rails,
    folder: Annotated[Path, typer.Argument(help="Folder for the files.")],
    keep: Annotated[int, typer.Option("--keep", min=1, help="Keep so many files, the youngest.")] = 7,
) -> None:
    """Run `holdfast state export` into a file named by the moment. Instances go on meanwhile."""
    if not folder.is_dir():
        raise CliError(f"{folder} is no folder; make it, readable by its owner alone", Exit.USAGE)
    file = folder / f"{PREFIX}{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}{SUFFIX}"
    old = sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))[: -(keep - 1) or None]
    names = ", ".join(one.name for one in old)
    if not rails.begins(f"write {file}" + (f" and remove {names}" if old else "")):
        return
    rails.facts |= {"file": str(file), "export": save(rails, file)}
    for one in old:
        one.unlink(missing_ok=True)
    rails.tell(f"Wrote {file} ({file.stat().st_size:,} bytes).")


def save(rails: Rails, file: Path) -> dict[str, object]:
    """Write a file and read it again; return what the export says.

    Raises:
        CliError: either failed; nothing else has been done.
    """
    done = subcommand.run("state", "export", str(file), config=rails.common.config)
    if done.code:
        raise CliError(f"the state could not be saved:\n  {done.said}", Exit(done.code))
    look = subcommand.run("state", "inspect", str(file))
    if look.code:
        raise CliError(f"{file} was written and is not whole:\n  {look.said}", Exit.REFUSED)
    return done.answer
