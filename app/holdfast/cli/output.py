"""What commands print: results on standard output, as text or JSON; everything else on standard error."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Annotated

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]


_INDENT = "    "
_NARROWEST = 20


class OutputError(Exception):
    """Standard output takes nothing: a full disk. A reader that left is a BrokenPipeError, as for every program."""


def result(text: str) -> None:
    """Print a line, or lines, of the command's result at once.

    Raises:
        OutputError: they cannot be written.
    """
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(error.strerror or str(error)) from None


def result_json(value: object) -> None:
    """Print a value as one line of JSON."""
    result(json.dumps(value, ensure_ascii=False))


def note(text: str) -> None:
    """Tell the person at the terminal something that is no part of the result."""
    print(text, file=sys.stderr, flush=True)


def terminal_width() -> int:
    """Return how many characters a line of the terminal has; 0, which is no limit, for a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def printable(text: str) -> str:
    """Return a text that can neither begin a new line nor move a terminal's cursor."""
    return text if text.isprintable() else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def columns(rows: Sequence[Sequence[object]], head: Sequence[str], width: int = 0) -> str:
    """Return rows under a head in aligned columns, never cut.

    What does not fit into `width` stands indented below its row: the last columns, as many as it takes.
    """
    cells = [list(head), *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(head))]
    beside = _fitting(widths, width)
    lines: list[str] = []
    for number, row in enumerate(cells):
        line = "  ".join(cell.ljust(size) for cell, size in zip(row[:beside], widths, strict=False))
        lines.append(line.rstrip())
        if number:
            lines += _below(row[beside:], width)
    return "\n".join(lines)


def _fitting(widths: Sequence[int], width: int) -> int:
    """Return how many columns fit beside each other, at least one."""
    if not width:
        return len(widths)
    count = len(widths)
    while count > 1 and sum(widths[:count]) + 2 * (count - 1) > width:
        count -= 1
    return count


def _below(cells: Sequence[str], width: int) -> list[str]:
    """Return cells one behind the other while a line has room for them; a long one is wrapped."""
    lines: list[str] = []
    for cell in filter(None, cells):
        if lines and len(lines[-1]) + 2 + len(cell) <= width:
            lines[-1] += f"  {cell}"
        else:
            lines += textwrap.wrap(
                cell, max(width, _NARROWEST), initial_indent=_INDENT, subsequent_indent=_INDENT,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return lines
