"""A token bucket whose state is one number: so many at once, so many a second in the long run."""

from __future__ import annotations

from dataclasses import dataclass

# Rounding must not refuse whoever keeps to the rate exactly.
_FORGIVEN_SECONDS = 1e-6


@dataclass(frozen=True, slots=True)
class TokenBucket:
    """The rule that thousands of limited parties share; each keeps its own state, a moment of the same clock.

    Over any stretch of `t` seconds at most `burst + rate * t` are taken, and whoever keeps to the rate is never
    refused. The state is the moment at which the bucket will be full again (the generic cell rate algorithm): one
    float instead of a level and a time, and nothing to refill. 0.0 is a full bucket.

    Raises:
        ValueError: a rate of 0 or less, or a burst below 1.
    """

    rate: float
    burst: int

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.burst < 1:
            raise ValueError(f"expected rate > 0 and burst >= 1, got {self.rate} and {self.burst}")

    def take(self, full_at: float, now: float, count: float = 1) -> float | None:
        """Return the new state after taking `count`, or None where the bucket does not hold so many.

        A count need not be whole: whoever shall have half of burst and rate takes two for one.
        """
        after = max(full_at, now) + count / self.rate
        return after if after - now <= self.burst / self.rate + _FORGIVEN_SECONDS else None

    def owe(self, full_at: float, now: float) -> float:
        """Return the new state after one that is taken whether the bucket holds it or not; it may owe any number."""
        return max(full_at, now) + 1 / self.rate

    def wait_seconds(self, full_at: float, now: float, count: int = 1) -> float:
        """Return how long until `take` succeeds: 0.0 for at once, infinity for more than a burst."""
        if count > self.burst:
            return float("inf")
        return max(0.0, full_at + (count - self.burst) / self.rate - now)
