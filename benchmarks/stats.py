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


def noise(values: Sequence[float]) -> float:
    """Return how far the median of these values may be off, as a fraction of it (about 95 % sure).

    From the median absolute deviation, so that one disturbed round does not count for much. Fewer
    than four values tell nothing.
    """
    if len(values) < 4:
        return math.inf
    median = statistics.median(values)
    deviation = statistics.median(abs(value - median) for value in values)
    # 1.4826 makes it a standard deviation, 1.2533 that of a median; twice that is 95 %.
    return 2 * 1.2533 * 1.4826 * deviation / math.sqrt(len(values)) / abs(median)


def per(total: float, count: int, unit: float = 1e6) -> float:
    """Return a total in seconds (or bytes with `unit` 1) divided by count, in 1/unit."""
    if count <= 0:
        raise ValueError(f"expected a positive count, came {count!r}")
    return total * unit / count
