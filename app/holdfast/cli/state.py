"""`holdfast state`: what a shared Redis holds, into a file and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, note, result, result_json
from holdfast.cli.place import ConfigOption

if TYPE_CHECKING:
    from holdfast.broker.redis_link import RedisLink
    from holdfast.broker.state_import import Terms
    from holdfast.broker.state_summary import Summary

_T = TypeVar("_T")

app = typer.Typer(help="Save, look at and bring back what a shared Redis holds.", no_args_is_help=True)

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The file.")]
RateOption = Annotated[float, typer.Option("--rate", min=1, help="Keys a second, so that Redis has time for others.")]
# `holdfast ops restore-state` takes them as well.
MaxAgeOption = Annotated[float, typer.Option("--max-age", min=0, help="Seconds a file may be old.")]
ForcePrefixFlag = Annotated[bool, typer.Option("--force-prefix", help="Take the state of another prefix.")]
ForceOldFlag = Annotated[bool, typer.Option("--force-old", help="Take a file of any age.")]
ForceReplaceFlag = Annotated[
    bool, typer.Option("--force-replace", help="Put the file's history in the place of streams that began since.")
]
LONGEST_AGE = 86400.0


@app.command("export")
def export_state(
    file: FileArgument,
    rate: RateOption = 2000.0,
    force_overwrite: Annotated[
        bool, typer.Option("--force-overwrite", help="Write over a file that is there.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Write what Redis holds into a file, whole or not at all; instances may go on meanwhile.

    Exits 0 when the file is there, 2 when it may not be written, 4 when Redis does not answer.
    """
    from holdfast.broker.state_export import Exporter
    from holdfast.cli.state_text import exported_json, exported_text

    if file.exists() and not force_overwrite:
        raise CliError(f"expected a file that is not there, {file} is (--force-overwrite)", Exit.REFUSED)
    try:
        done = _with_redis(config, lambda link: Exporter(link, rate).write(file))
    except OSError as error:
        raise CliError(f"{file} cannot be written: {error.strerror or error}", Exit.REFUSED) from None
    if as_json:
        result_json(exported_json(done))
    else:
        result(exported_text(done))


@app.command("inspect")
def inspect_state(file: FileArgument, as_json: JsonFlag = False) -> None:
    """Say what is in a file, of `state export` or of an embedded broker, after checking that it is whole.

    Exits 0 when it is, 2 when it is damaged or of another version, 4 when it cannot be read.
    """
    from holdfast.cli.state_text import summary_json, summary_text

    found = _summary(file)
    if as_json:
        result_json(summary_json(found, time.time()))
    else:
        result(summary_text(found, time.time()))


@app.command("import")
def import_state(
    file: FileArgument,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; else only say what would be done.")] = False,
    max_age: MaxAgeOption = LONGEST_AGE,
    force_prefix: ForcePrefixFlag = False,
    force_old: ForceOldFlag = False,
    force_not_empty: Annotated[
        bool, typer.Option("--force-not-empty", help="Also where something is; what is newer stays.")
    ] = False,
    force_replace: ForceReplaceFlag = False,
    rate: RateOption = 2000.0,
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Bring a file's state back into Redis. Nothing that is newer is overwritten; doing it twice changes nothing.

    Exits 0 when it is done (or would be), 1 when some of it could not be, 2 when something speaks against it or the
    file is damaged, 4 when Redis does not answer.
    """
    from holdfast.broker.state_import import Terms

    terms = Terms(
        acts=yes,
        max_age=max_age,
        any_prefix=force_prefix,
        any_age=force_old,
        not_empty=force_not_empty or force_replace,
        replaces=force_replace,
        rate=rate,
    )
    raise typer.Exit(_import(_summary(file), terms, config, as_json=as_json))


def _import(found: Summary, terms: Terms, config: Path | None, *, as_json: bool) -> Exit:
    from holdfast.broker.redis_messages import RedisMessages
    from holdfast.broker.state_import import Importer
    from holdfast.cli.state_text import imported_json, imported_text
    from holdfast.connections.revoking_everywhere import message_to_reread

    async def work(link: RedisLink) -> Exit:
        importer = Importer(link, terms)
        objections = await importer.objections(found)
        if objections:
            for one in objections:
                note(f"Not imported: {one}")
            return Exit.REFUSED
        done = await importer.run(found)
        if terms.acts:
            await RedisMessages(link, "").send(message_to_reread())
        if as_json:
            result_json(imported_json(done, acts=terms.acts))
        else:
            result(imported_text(done, acts=terms.acts))
        return Exit.FOUND if done.failed else Exit.FINE

    return _with_redis(config, work)


def _summary(file: Path) -> Summary:
    from holdfast.broker.snapshot_file import DamagedError
    from holdfast.broker.state_summary import summarize

    try:
        return summarize(file, time.time())
    except DamagedError as error:
        raise CliError(f"{file} cannot be used: {error}", Exit.REFUSED) from None
    except OSError as error:
        raise CliError(f"{file} cannot be read: {error.strerror or error}", Exit.UNKNOWN) from None


def _with_redis(config: Path | None, work: Callable[[RedisLink], Awaitable[_T]]) -> _T:
    """Do something with the Redis of the settings."""
    from holdfast.broker.redis_link import RedisLink
    from holdfast.cli.place import settings
    from holdfast.errors import BrokerError

    loaded = settings(config).broker
    if loaded.type != "redis":
        raise CliError("expected settings with broker.type redis; an embedded broker keeps its own file", Exit.USAGE)

    async def run() -> _T:
        link = RedisLink(loaded.redis)
        try:
            await link.start()
            return await work(link)
        finally:
            await link.stop()

    try:
        return asyncio.run(run())
    except BrokerError as error:
        raise CliError(f"Redis: {error}\n  {error.code.remedy}", Exit.UNKNOWN) from None
