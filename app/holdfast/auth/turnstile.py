"""Who may try a password now: the rate of an address, and the locks of accounts, before any work is done.

Where the counts cannot be asked for nobody is judged: who could guess meanwhile would not be counted, and no session
could begin either.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from holdfast.auth.lockout import AddressRate, Lockouts, Trial
from holdfast.errors import BrokerError, LoginError

_LEAST_WAIT: Final = 1


class Turnstile:
    """Lets attempts in; raises `BrokerError` where instances share their counts and those cannot be asked for."""

    def __init__(self, lockouts: Lockouts, rates: AddressRate) -> None:
        self._lockouts = lockouts
        self._rates = rates

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
            with suppress(BrokerError):  # what is not taken back is forgotten in time
                await self._lockouts.abandon(trial)
            raise

    async def succeed(self, trial: Trial) -> None:
        """Forget what an attempt that turned out well was counted as."""
        await self._lockouts.succeed(trial)

    # Private methods

    async def _begin(self, trial: Trial) -> None:
        crowded = await self._rates.take(trial.party)
        if crowded > 0:
            wait = max(_LEAST_WAIT, math.ceil(crowded))
            raise LoginError("login_locked", "Too many requests from this address.", why="rate", retry_after=wait)
        locked = await self._lockouts.begin(trial)
        if locked > 0:
            raise LoginError("login_locked", why="lock", retry_after=max(_LEAST_WAIT, math.ceil(locked)))
