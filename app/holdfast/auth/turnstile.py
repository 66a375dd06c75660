"""Who may try a password now: the rate of an address, and the locks of accounts, before any work is done.

Its methods are coroutines although the counts are this process's own: counts that all instances share have to be asked
for. What is needed of those is to read a count with its age, and to add to one that ends by itself. Whoever adds and is
told another sum than expected knows that somebody was faster, and asks again: many at once are no way around the limit.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from holdfast.auth.lockout import Lockouts, Trial
from holdfast.errors import LoginError
from holdfast.resilience.keyed_buckets import KeyedBuckets

_LEAST_WAIT: Final = 1


def trial_of(account: str, party: str, device: str) -> Trial:
    """Return what an attempt is counted by; the account by its hash, so that names of strangers take no memory."""
    return Trial(hashlib.sha256(account.encode("utf-8", "surrogatepass")).hexdigest(), party, device)


class Turnstile:
    """Lets attempts in.

    Args:
        rate: how many a second an address has in the long run, as `rates` counts.
    """

    def __init__(self, lockouts: Lockouts, rates: KeyedBuckets, rate: float) -> None:
        self._lockouts = lockouts
        self._rates = rates
        self._rate = rate

    @asynccontextmanager
    async def judging(self, trial: Trial) -> AsyncIterator[None]:
        """Count an attempt as failed before a block judges it; where the block fails to judge, it counts for nothing.

        Raises:
            LoginError: `login_locked`.
        """
        await self._begin(trial)
        try:
            yield
        except BaseException:
            self._lockouts.abandon(trial)
            raise

    async def succeed(self, trial: Trial) -> None:
        """Forget what an attempt that turned out well was counted as."""
        self._lockouts.succeed(trial)

    # Private methods

    async def _begin(self, trial: Trial) -> None:
        if not self._rates.take(trial.party):
            wait = max(_LEAST_WAIT, math.ceil(1 / self._rate))
            raise LoginError("login_locked", "Too many requests from this address.", why="rate", retry_after=wait)
        locked = self._lockouts.begin(trial)
        if locked > 0:
            raise LoginError("login_locked", why="lock", retry_after=max(_LEAST_WAIT, math.ceil(locked)))
