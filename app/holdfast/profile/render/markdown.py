"""Tables of Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdfast.profile.formulas import MIB


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows under a head as a table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))


def mib(number: float) -> str:
    """Return bytes as MiB; whole ones have no fraction."""
    text = f"{number / MIB:,.1f}".removesuffix(".0")
    return f"{text} MiB"
