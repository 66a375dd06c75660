"""How many newcomers a second: a burst and a rate, opened gradually after a stall."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from holdfast.errors import DoorError
from holdfast.resilience.token_bucket import TokenBucket


@dataclass(frozen=True, slots=True)
class Ramp:
    """From `first_share` of the rate to all of it, in a straight line over `seconds`."""

    first_share: float
    seconds: float

    def share(self, since_seconds: float) -> float:
        """Return the share of the rate so long after a stall."""
        if since_seconds >= self.seconds:
            return 1.0
        return self.first_share + (1 - self.first_share) * max(0.0, since_seconds) / self.seconds


class AcceptRate:
    """The bucket that newcomers take from, and how far the gate is open.

    While the gate opens, each newcomer costs more than one token: with a share of a tenth ten of them, so that burst
    and rate are both a tenth. It opens gradually from the start on, for an instance that has just started is cold.

    Args:
        bucket: burst and rate; None is no limit at all.
        ramp: how it opens after a stall.
        clock: monotonic seconds.
    """

    def __init__(self, bucket: TokenBucket | None, ramp: Ramp, clock: Callable[[], float]) -> None:
        self._bucket = bucket
        self._ramp = ramp
        self._clock = clock
        self._full_at = 0.0  # see TokenBucket
        self._stalled_at = clock()

    @property
    def share(self) -> float:
        """How far the gate is open, from 0 to 1."""
        return self._ramp.share(self._clock() - self._stalled_at)

    @property
    def is_narrow(self) -> bool:
        """Whether there is a rate and only a share of it is let in."""
        return self._bucket is not None and self.share < 1

    @property
    def rate(self) -> float:
        """Newcomers a second that it lets in now; 0 is no limit."""
        return self._bucket.rate * self.share if self._bucket is not None else 0.0

    def stall(self) -> None:
        """Know that the instance stands still, or stood still until now: the gate opens anew."""
        self._stalled_at = self._clock()

    def refusal(self) -> DoorError | None:
        """Return why a newcomer must wait; nothing is taken."""
        if self._bucket is None or self._after() is not None:
            return None
        return DoorError("accept_rate", f"it takes {self.rate:.4g} a second now")

    def take(self) -> None:
        """Count a newcomer that was let in."""
        after = self._after()
        if after is not None:
            self._full_at = after

    def _after(self) -> float | None:
        if self._bucket is None:
            return None
        cost = min(1 / self.share, self._bucket.burst)  # somebody always gets in
        return self._bucket.take(self._full_at, self._clock(), cost)
