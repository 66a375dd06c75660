"""The arithmetic of derived numbers: rounding, ports, sums. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable

MIB = 1024**2
GIB = 1024**3


def power_of_two(number: float) -> int:
    """Return the smallest power of two that is not below a number."""
    return 1 << max(0, math.ceil(number) - 1).bit_length()


def round_up(number: float, unit: int) -> int:
    """Return the smallest multiple of a unit that is not below a number."""
    return math.ceil(number / unit) * unit


def clamp(number: int, least: int, most: int) -> int:
    """Return the number, or the bound it is beyond."""
    return max(least, min(most, number))


def port_ranges(texts: Iterable[str]) -> list[tuple[int, int]]:
    """Return `8000-8003` and `26379` as sorted pairs of which none touches another."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(_pair(text) for text in texts):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = merged[-1][0], max(merged[-1][1], last)
        else:
            merged.append((first, last))
    return merged


def _pair(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first), int(last or first)


def ports_text(ranges: Iterable[tuple[int, int]]) -> str:
    """Return pairs as the kernel writes them: `8000-8003,26379`."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def ports_left(outgoing: tuple[int, int], reserved: Iterable[tuple[int, int]]) -> int:
    """Return how many ports of a range are nobody's."""
    first, last = outgoing
    taken = sum(max(0, min(last, high) - max(first, low) + 1) for low, high in reserved)
    return max(0, last - first + 1 - taken)
