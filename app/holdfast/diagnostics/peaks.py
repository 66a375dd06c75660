"""Finds the lengths at which things end far more often than nearby: the mark of a limit that somebody set.

Pure. A window slides over the sorted lengths and is compared with what lies on both sides of it, so that no shape of
the rest is assumed: where density falls, as that of chance does, the two sides together hold more than the middle.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Final, NamedTuple

FEWEST: Final = 10
"""Ends at one length below which nothing is said."""

# The chance of a false find among all windows of one look, bounded by Chernoff and Bonferroni.
_FALSE_ALARM: Final = 1e-5
# A gentle hump of many ends is significant and no limit.
_LEAST_RATIO: Final = 3.0
# Proxies look at their timers about once a second, and slower for longer limits.
_WIDTH_SECONDS: Final = 1.0
_WIDTH_RATIO: Final = 0.02
# What ends at the same moment has one cause, such as a restart, and counts once.
_MOMENT_SECONDS: Final = 0.5
_MOST: Final = 5


class Length(NamedTuple):
    """How long something lasted, and when it ended (Unix seconds)."""

    seconds: float
    ended_at: float


@dataclass(frozen=True, slots=True)
class Peak:
    """A length that stands out: `count` moments at which something ended there, where `expected` would be usual."""

    seconds: float
    count: int
    expected: float
    shortest: float
    longest: float

    def holds(self, seconds: float) -> bool:
        """Tell whether a length belongs to it."""
        return self.shortest <= seconds <= self.longest


class _Window(NamedTuple):
    score: float
    first: int
    end: int
    expected: float


def width_at(seconds: float) -> float:
    """Return how far apart two ends by the same limit may lie."""
    return max(_WIDTH_SECONDS, _WIDTH_RATIO * seconds)


def find_peaks(lengths: Iterable[Length]) -> list[Peak]:
    """Return the lengths that stand out, the clearest first."""
    values = _distinct(lengths)
    peaks: list[Peak] = []
    while len(peaks) < _MOST and (found := _clearest(values)) is not None:
        members = values[found.first : found.end]
        peaks.append(Peak(median(members), len(members), found.expected, members[0], members[-1]))
        # Its edges go with it, else they would look like peaks of their own.
        margin = width_at(members[0])
        values = [one for one in values if not members[0] - margin <= one <= members[-1] + margin]
    return peaks


def _distinct(lengths: Iterable[Length]) -> list[float]:
    """Return sorted lengths, those of about the same length and end only once."""
    cells: dict[tuple[int, int], float] = {}
    for one in lengths:
        if one.seconds > 0:
            width = width_at(one.seconds)
            cells.setdefault((int(one.seconds / width), int(one.ended_at / _MOMENT_SECONDS)), one.seconds)
    return sorted(cells.values())


def _clearest(values: list[float]) -> _Window | None:
    windows = (
        _window(values, first)
        for first in range(len(values) - FEWEST + 1)
        if values[first + FEWEST - 1] <= values[first] + width_at(values[first])
    )
    return max((one for one in windows if one is not None), default=None)


def _window(values: list[float], first: int) -> _Window | None:
    """Compare the window that begins with a value with its two sides; None if it does not stand out."""
    low = values[first]
    width = width_at(low)
    gap = width / 2  # a limit's own ends may spill over the window's edges
    side = min(3 * width, low - gap)
    if side < width:
        return None  # too short to be told from what simply ends early
    end = bisect_right(values, low + width)
    before = bisect_left(values, low - gap) - bisect_left(values, low - gap - side)
    above = low + width + gap
    behind = bisect_right(values, above + side) - bisect_right(values, above)
    # The fuller side stands for both: at the edge of a shape, such as the interval of pings, the other one is empty.
    count, beside = end - first, 2 * max(before, behind)
    expected = beside * width / (2 * side)
    if count < _LEAST_RATIO * expected:
        return None
    score = _score(count, beside, width / (width + 2 * side)) - math.log(len(values) / _FALSE_ALARM)
    return _Window(score, first, end, expected) if score > 0 else None


def _score(count: int, beside: int, share: float) -> float:
    """Return minus the logarithm of Chernoff's bound on so many in a window that has this share by chance."""
    found = count / (count + beside)
    if found <= share:
        return 0.0
    score = found * math.log(found / share)
    if found < 1:
        score += (1 - found) * math.log((1 - found) / (1 - share))
    return (count + beside) * score
