"""Reads numbers as systemd, HAProxy and Redis write them, so that they can be compared with the profile's."""

from __future__ import annotations

import re
from typing import Final

_SECONDS: Final = {
    "us": 1e-6, "ms": 1e-3, "s": 1, "sec": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60,
    "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600, "d": 86400, "day": 86400, "days": 86400,
    "w": 604800, "week": 604800, "weeks": 604800,
}  # fmt: skip
_BINARY: Final = {"": 1, "b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
# Of Redis: `mb` is binary, `m` is not.
_REDIS: Final = {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 1000**2, "mb": 1024**2, "g": 1000**3, "gb": 1024**3}
# Larger than any limit; systemd's and the kernel's word for none.
UNLIMITED: Final = 2**64 - 1
_INFINITE: Final = frozenset({"infinity", "unlimited", "18446744073709551615", "-1"})


def number_of(value: float) -> str:
    """Return a number as expectations have it: without a fraction where it has none."""
    return str(int(value)) if float(value).is_integer() else str(value)


def seconds(text: str) -> str:
    """Return seconds of `1min 30s` or `90`; the text itself where it is no span of time."""
    if text.strip() in _INFINITE:
        return str(UNLIMITED)
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip())
    rest = re.sub(r"\d+(\.\d+)?\s*[a-z]*", "", text.strip()).strip()
    if not parts or rest or any(unit and unit not in _SECONDS for _, unit in parts):
        return text
    return number_of(round(sum(float(count) * _SECONDS[unit or "s"] for count, unit in parts), 6))


def ago(seconds: float) -> str:
    """Return how long ago something was, in the unit that fits."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


def size(text: str, *, is_redis: bool = False) -> str:
    """Return bytes of `512M` or `512mb`; the text itself where it is no size."""
    if text.strip() in _INFINITE:
        return str(UNLIMITED)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", text.strip())
    units = _REDIS if is_redis else _BINARY
    if found is None or found[2].lower() not in units:
        return text
    return number_of(float(found[1]) * units[found[2].lower()])


def soft(text: str) -> str:
    """Return the first of `1024:524288`."""
    first = text.partition(":")[0]
    return str(UNLIMITED) if first in _INFINITE else first
