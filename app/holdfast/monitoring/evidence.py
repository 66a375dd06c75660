"""Measurements in words, as log lines, refusals and answers show them."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.monitoring.sampling import Usage

_BYTES = frozenset({"memory", "socket_memory"})
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def describe(name: str, usage: Usage) -> str:
    """Return what was measured against which limit."""
    if name == "loop_lag":
        return f"a quarter of what arrives waits longer than {usage.used * 1000:.0f} ms"
    if name == "cpu":
        return f"{usage.used:.0%} of one core"
    write: Callable[[float], str] = size if name in _BYTES else "{:.0f}".format
    if usage.limit is None or usage.ratio is None:
        return f"{write(usage.used)}, without a limit"
    return f"{write(usage.used)} of {write(usage.limit)} ({usage.ratio:.0%}; limit: {usage.source})"


def size(amount: float) -> str:
    """Return bytes in the unit that reads best."""
    unit = 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.3g} {_UNITS[unit]}" if amount < 1000 else f"{amount:.0f} {_UNITS[unit]}"
