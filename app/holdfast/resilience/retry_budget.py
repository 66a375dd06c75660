"""A retry budget: retries may be a share of the calls and no more, so that they cannot multiply a storm."""

from __future__ import annotations

# What a quiet time may save up; the first retries after a start come from it too.
_MOST = 10.0


class RetryBudget:
    """Counts calls and retries: each call adds `ratio` of a retry, each retry takes one.

    Raises:
        ValueError: a ratio below 0 or above 1.
    """

    def __init__(self, ratio: float) -> None:
        if not 0 <= ratio <= 1:
            raise ValueError(f"expected a ratio from 0 to 1, got {ratio}")
        self._ratio = ratio
        self._saved = _MOST if ratio else 0.0

    def on_call(self) -> None:
        """Know of a call that is no retry."""
        self._saved = min(_MOST, self._saved + self._ratio)

    def take(self) -> bool:
        """Take one retry out of the budget; say whether there was one."""
        if self._saved < 1:
            return False
        self._saved -= 1
        return True
