"""`holdfast explain`: what happened to a user, a connection or an attempt."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from holdfast.cli.failure import CliError, Exit
from holdfast.cli.output import JsonFlag, result, result_json, terminal_width
from holdfast.cli.place import AdminTokenOption, ConfigOption, UrlOption

if TYPE_CHECKING:
    from holdfast.diagnostics.log_search import Found
    from holdfast.diagnostics.timeline import Subject

STANDARD_INPUT = "-"


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
        str, typer.Option(help="Only what came after: 90m, 2d, or 2027-01-31T12:00Z.", show_default=False)
    ] = "",
    url: UrlOption = "",
    admin_token: AdminTokenOption = "",
    config: ConfigOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Print one timeline of all that a running gateway remembers and log files say, of both sides, and the causes.

    Exits 0 where all is fine, 1 where something went wrong, 4 where nothing is known.
    """
    from holdfast.cli.explain_admin import ask_gateway
    from holdfast.cli.explain_text import text_of
    from holdfast.diagnostics.explanation import Explanation, Source
    from holdfast.diagnostics.timeline import Subject, merge

    if not subject:
        raise CliError("Expected a user, a client id or an attempt's id, got an empty text.", Exit.USAGE)
    wanted, begin = Subject(subject), since_moment(since, time.time())
    # First, for it teaches which attempts and connections the files are to be searched for.
    remembered = ask_gateway(wanted, (config, url, admin_token), begin)
    files = search_logs(log if log is not None else _configured_log(config, url), wanted, begin)
    left_out: Counter[tuple[str, str]] = Counter()
    for one in files:
        left_out += one.left_out
    explanation = Explanation(
        str(wanted),
        merge([list(one.entries) for one in files], remembered.entries),
        [*remembered.sources, *(Source(one.source, one.oldest, one.matches, one.note) for one in files)],
        left_out,
    )
    if as_json:
        result_json(explanation.as_json())
    else:
        result(text_of(explanation, terminal_width()))
    raise typer.Exit(explanation.exit_code)


def since_moment(text: str, now: float) -> float:
    """Return Unix seconds of a moment, or of so long ago; 0 for an empty text.

    Raises:
        CliError: it is neither.
    """
    from holdfast.diagnostics.timeline import seconds_of
    from holdfast.settings_types import parse_duration

    if not text:
        return 0.0
    if (moment := seconds_of(text)) is not None:
        return moment
    try:
        ago = parse_duration(text)
    except ValueError:
        ago = None
    if not isinstance(ago, float):
        raise CliError(f"--since: expected 90m, 2d or a moment such as 2027-01-31T12:00Z, got {text!r}.", Exit.USAGE)
    return now - ago


def search_logs(given: list[Path], subject: Subject, since: float) -> list[Found]:
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
                raise CliError(f"--log: there is no file {path}, nor one rotated from it.", Exit.UNKNOWN)
            paths += [one for one in found if one not in paths]
        return search(paths, subject, since)


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
