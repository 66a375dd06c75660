"""`holdfast explain`: what happened to a user, a connection or an attempt."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, result, result_json, terminal_width
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

if TYPE_CHECKING:
    from holdfast.cli.explain_admin import Remembered
    from holdfast.diagnostics.explanation import Explanation
    from holdfast.diagnostics.log_search import Found
    from holdfast.diagnostics.timeline import Span, Subject

STANDARD_INPUT = "-"
_DAY_SECONDS = 86400


def explain(
    subject: Annotated[
        str, typer.Argument(help="A user, a connection's client id, or an attempt's id.", show_default=False)
    ],
    log: Annotated[
        list[Path] | None,
        typer.Option(
            "--log",
            help="Log file in JSON, with those rotated from it; may come again for other instances, - is standard "
            "input. Else `log.file` of the settings.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str,
        typer.Option(help="Only what came after: 90m ago, 2d, 14:05 or 2027-01-31T12:00Z; in UTC.", show_default=False),
    ] = "",
    until: Annotated[str, typer.Option(help="Only what came before, said alike.", show_default=False)] = "",
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Print one timeline of all that a running gateway remembers and log files say, of both sides, and the causes.

    Exits 0 where all is fine, 1 where something went wrong, 4 where nothing is known.
    """
    from holdfast.cli.explain_text import text_of
    from holdfast.diagnostics.timeline import Subject

    if not subject:
        raise CliError("Expected a user, a client id or an attempt's id, got an empty text.", Exit.USAGE)
    wanted, span = Subject(subject), span_of(since, until, time.time())
    # First, for it teaches which attempts and connections the files are to be searched for.
    remembered = _remembered(wanted, (config, url, admin_token), span, is_alone=log is None)
    files = search_logs(log if log is not None else _configured_log(config, url), wanted, span)
    explanation = _explanation(wanted, remembered, files)
    if as_json:
        result_json(explanation.as_json())
    else:
        result(text_of(explanation, terminal_width()))
    raise typer.Exit(explanation.exit_code)


def _explanation(subject: Subject, remembered: Remembered, files: list[Found]) -> Explanation:
    """Put together what the gateway remembers and what log files have."""
    from holdfast.diagnostics.explanation import Explanation, Source
    from holdfast.diagnostics.timeline import merge

    left_out: Counter[tuple[str, str]] = Counter()
    for one in files:
        left_out += one.left_out
    return Explanation(
        str(subject),
        merge([list(one.entries) for one in files], remembered.entries),
        [*remembered.sources, *(Source(one.source, one.oldest, one.matches, one.note) for one in files)],
        left_out,
    )


def _remembered(subject: Subject, where: tuple[Path | None, str, str], span: Span, *, is_alone: bool) -> Remembered:
    """Ask the gateway; settings with faults end only a command that has no log file to look into.

    Raises:
        CliError: the URL cannot be used.
        ConfigError: the settings were needed, have faults, and there is nothing else.
    """
    from holdfast.cli.explain_admin import Remembered, ask_gateway
    from holdfast.diagnostics.explanation import Source
    from holdfast.errors import ConfigError

    try:
        return ask_gateway(subject, where, span)
    except ConfigError as error:
        if is_alone:
            raise
        return Remembered(sources=[Source("the gateway", None, note="; ".join(error.faults))])


def span_of(since: str, until: str, now: float) -> Span:
    """Return what both options mean.

    Raises:
        CliError: one means nothing, or the end is before the beginning.
    """
    from holdfast.diagnostics.timeline import Span

    begin = moment_of("--since", since, now)
    end = moment_of("--until", until, now, -inf if begin is None else begin)
    span = Span(begin or 0.0, inf if end is None else end)
    if span.until < span.since:
        raise CliError("--until: expected a moment after that of --since, got one before it.", Exit.USAGE)
    return span


def moment_of(option: str, text: str, now: float, after: float = -inf) -> float | None:
    """Return Unix seconds of a moment, of the last time that a clock in UTC showed it, or of so long ago.

    None for an empty text. A clock's time is that `after` a moment, if it was not shown since.

    Raises:
        CliError: it is none of them.
    """
    from holdfast.diagnostics.timeline import seconds_of
    from holdfast.settings_types import parse_duration

    if not text:
        return None
    if (moment := seconds_of(text)) is not None:
        return moment
    if (moment := seconds_of(f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d}T{text}")) is not None:
        last = moment if moment <= now else moment - _DAY_SECONDS
        return last if last >= after else last + _DAY_SECONDS
    try:
        ago = parse_duration(text)
    except ValueError:
        ago = None
    if not isinstance(ago, float):
        expected = "90m, 2d, 14:05 or a moment such as 2027-01-31T12:00Z"
        raise CliError(f"{option}: expected {expected}, got {text!r}.", Exit.USAGE)
    return now - ago


def search_logs(given: list[Path], subject: Subject, span: Span) -> list[Found]:
    """Return what log files, and those rotated from them, have of a subject.

    Raises:
        CliError: there is no such file.
    """
    from holdfast.diagnostics.log_search import search, with_rotated

    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder:
        paths: list[Path] = []
        for path in given:
            if str(path) == STANDARD_INPUT:
                paths.append(_kept(Path(folder) / "standard input"))
                continue
            found = with_rotated(path)
            if not found:
                what = f"{path} is a folder" if path.is_dir() else f"there is no file {path}, nor one rotated from it"
                raise CliError(f"--log: expected a log file, but {what}.", Exit.UNKNOWN)
            paths += [one for one in found if one not in paths]
        return search(paths, subject, span, hidden=folder)


def _kept(path: Path) -> Path:
    """Keep standard input in a file, for it may have to be read more than once."""
    with path.open("wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
    return path


def _configured_log(config: Path | None, url: str) -> list[Path]:
    """Return the log file of the settings that the running gateway was started with, if this is its machine."""
    from holdfast.cli.place import settings

    if url and config is None:
        return []
    file = settings(config).log.file
    return [file] if file is not None and file.exists() else []
