"""Summaries of repeated measurements and their ratios; pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Summary:
    """The median of some measurements with the smallest and the largest of them."""

    median: float
    low: float
    high: float
    count: int


def summarise(values: Sequence[float]) -> Summary:
    """Return the summary of one or more finite measurements."""
    if not values or not all(math.isfinite(value) for value in values):
        raise ValueError(f"expected finite measurements, came {list(values)!r}")
    return Summary(statistics.median(values), min(values), max(values), len(values))


def ratio(value: float, base: float) -> float:
    """Return value / base; a base of zero or less is a measurement that failed."""
    if base <= 0:
        raise ValueError(f"expected a positive base, came {base!r}")
    return value / base


def per(total: float, count: int, unit: float = 1e6) -> float:
    """Return a total in seconds (or bytes with `unit` 1) divided by count, in 1/unit."""
    if count <= 0:
        raise ValueError(f"expected a positive count, came {count!r}")
    return total * unit / count
