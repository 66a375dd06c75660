"""What commands print: results on standard output, as text or JSON; everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]


def result(text: str) -> None:
    """Print a line, or lines, of the command's result at once."""
    print(text, flush=True)


def result_json(value: object) -> None:
    """Print a value as one line of JSON."""
    result(json.dumps(value, ensure_ascii=False))


def note(text: str) -> None:
    """Tell the person at the terminal something that is no part of the result."""
    print(text, file=sys.stderr, flush=True)


def columns(rows: Sequence[Sequence[object]], head: Sequence[str]) -> str:
    """Return rows under a head in aligned columns, never cut."""
    cells = [list(head), *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(head))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)
