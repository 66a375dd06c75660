"""What the kernel granted of the options that were asked for client sockets, as logs, metrics and diagnoses tell it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class SocketOption(NamedTuple):
    """One option: its name with the unit, what was asked, what the kernel has now, and why it refused.

    `asked` is None where nothing was, `granted` None where it cannot be read.
    """

    name: str
    asked: float | str | None
    granted: float | str | None
    refusal: str = ""


def granted_numbers(options: Sequence[SocketOption]) -> dict[str, float]:
    """Return those that are numbers, by name, for metrics."""
    return {one.name: float(one.granted) for one in options if isinstance(one.granted, int | float)}


def refused(options: Sequence[SocketOption]) -> list[SocketOption]:
    """Return those that were asked for and that the kernel did not take."""
    return [one for one in options if one.refusal]


def options_as_json(options: Sequence[SocketOption]) -> dict[str, dict[str, Any]]:
    """Return all of it by name."""
    return {
        one.name: {"asked": one.asked, "granted": one.granted, **({"refusal": one.refusal} if one.refusal else {})}
        for one in options
    }


def options_text(options: Sequence[SocketOption]) -> str:
    """Return what was granted in one line."""
    return ", ".join(f"{one.name} {_text(one.granted)}" for one in options)


def _text(value: float | str | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:g}" if isinstance(value, float) else str(value)
