"""How many refusals a second: beyond that the crowd waits in the kernel's queue, where waiting costs nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.resilience.token_bucket import TokenBucket

# Of the rate, how much may come in the same moment: with the default 50 refusals, 12 ms of the event loop.
_BURST_SECONDS: Final = 0.1


def refusal_bucket(rate: float) -> TokenBucket | None:
    """Return the rule for so many refusals a second; None for 0, which is no limit."""
    return TokenBucket(rate, max(1, int(rate * _BURST_SECONDS))) if rate else None


class RefusalRate:
    """The bucket that refusals take from, and whom to tell for how long to accept nobody.

    Who has been accepted is always answered. Those who were accepted already when it runs empty are owed for, so that
    the rate holds in the long run however late their requests come.

    Args:
        bucket: burst and rate; None is no limit at all.
        accept_rate: how many newcomers a second are let in; with the refusals it is the pace at which the crowd is
            taken from the queue.
        clock: monotonic seconds.
    """

    def __init__(self, bucket: TokenBucket | None, accept_rate: float, clock: Callable[[], float]) -> None:
        self._bucket = bucket
        self._pace = accept_rate + bucket.rate if bucket is not None else 0.0
        self._clock = clock
        self._full_at = 0.0  # see TokenBucket
        self.pause: Callable[[float, float], object] = _nobody
        """Told to accept nobody for so many seconds from now on, and then so many a second; whoever owns the listeners
        puts itself here."""

    def take(self) -> None:
        """Count a refusal."""
        if self._bucket is None:
            return
        now = self._clock()
        self._full_at = self._bucket.owe(self._full_at, now)
        wait = self._bucket.wait_seconds(self._full_at, now)
        if wait > 0:
            self.pause(wait, self._pace)


def _nobody(seconds: float, pace: float) -> None:
    """Stand in for listeners that cannot pause."""
