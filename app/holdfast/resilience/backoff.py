"""How long to wait before the next attempt: exponential, with full jitter.

Full jitter (a uniform choice between nothing and a growing ceiling) spreads a crowd that failed at the same moment
better than a jitter around the ceiling: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

import random
from collections.abc import Callable

_GROWTH = 2.0


def ceiling(attempt: int, base_seconds: float, max_seconds: float) -> float:
    """Return the longest wait before an attempt: `base_seconds` for attempt 0, doubled each time up to the maximum."""
    try:
        return min(max_seconds, base_seconds * _GROWTH**attempt)
    except OverflowError:
        return max_seconds


def full_jitter(
    attempt: int, base_seconds: float, max_seconds: float, pick: Callable[[], float] = random.random
) -> float:
    """Return the wait in seconds before attempt `attempt`, which starts at 0.

    `pick` returns numbers from 0 up to but not including 1.
    """
    return ceiling(attempt, base_seconds, max_seconds) * pick()
