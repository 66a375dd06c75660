"""Who has to wait before trying another password: growing, temporary locks, and nobody else's.

Failures are counted for an account at one address (or on one known device), and for the account from everywhere. So a
stranger's failures lock the stranger; only a crowd of strangers locks the account for devices that it does not know. A
device that has logged in before is known by its cookie and counted for itself.

The counts are the broker's, so that whoever goes from one instance to the next is not told less. While the broker
cannot count nobody is judged: without it no session could begin anyway, and there must be no time for guessing.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from holdfast.resilience.keyed_buckets import KeyedBuckets
from holdfast.resilience.token_bucket import TokenBucket
from holdfast.settings_auth import LockoutSettings

_MOST_DOUBLINGS: Final = 40
_DIGEST_BYTES: Final = 15


class Count(Protocol):
    """How many events a counter has, and in how many seconds it begins again."""

    @property
    def value(self) -> int:
        """The number."""

    @property
    def seconds_left(self) -> float:
        """The time."""


class Counters(Protocol):
    """Where failures are counted; the broker's `CounterStore`."""

    async def add(self, key: str, ttl: float, amount: int = 1, *, prolong: bool = False) -> Count:
        """Count events."""

    async def get(self, key: str) -> Count:
        """Return where a counter is."""

    async def clear(self, key: str) -> None:
        """Begin again."""

    async def take(self, key: str, rate: float, burst: int) -> float:
        """Take from a bucket; return how long to wait."""


class Trial(NamedTuple):
    """Who tries: the account's name, where from, and which known device of that account, "" for none."""

    account: str
    party: str
    device: str = ""


class _Counted(NamedTuple):
    """What failures are counted for: the counter of failures, that of the lock, and how many go without one."""

    failures: str
    lock: str
    limit: int


class Lockouts:
    """Counts failures and says how long to wait; all raise `BrokerError` where the broker cannot count."""

    def __init__(self, settings: LockoutSettings, counters: Counters) -> None:
        self._settings = settings
        self._counters = counters

    async def wait_seconds(self, trial: Trial) -> float:
        """Return how long this one has to wait, 0 if not at all; asking counts for nothing."""
        locks = await asyncio.gather(*(self._counters.get(one.lock) for one in self._counted(trial)))
        return max(lock.seconds_left for lock in locks)

    async def begin(self, trial: Trial) -> float:
        """Count an attempt as failed until it turns out well; return what `wait_seconds` would, and then count nothing.

        Counted before the password is checked, so that many at once are no way around the limit.
        """
        wait = await self.wait_seconds(trial)
        if wait > 0:
            return wait
        failed: list[_Counted] = []
        for one in self._counted(trial):
            try:
                wait = await self._fail(one)
            except BaseException:  # whoever is not judged has not failed
                with suppress(Exception):  # what is not taken back is forgotten in time
                    await asyncio.gather(*(self._take_back(each) for each in failed))
                raise
            failed.append(one)
            if wait > 0:  # another came first in this very moment
                await asyncio.gather(*(self._take_back(each) for each in failed[:-1]), self._uncount(one))
                return wait
        return 0.0

    async def succeed(self, trial: Trial) -> None:
        """Forget the failures of who turned out to be right, and take back one from the account's."""
        own, *others = self._counted(trial)
        forgotten = (self._counters.clear(key) for key in (own.failures, own.lock))
        await asyncio.gather(*forgotten, *(self._take_back(one) for one in others))

    async def abandon(self, trial: Trial) -> None:
        """Take back an attempt that was never judged."""
        await asyncio.gather(*(self._take_back(one) for one in self._counted(trial)))

    # Private methods

    def _counted(self, trial: Trial) -> list[_Counted]:
        if trial.device:
            return [_counted("device", trial.account, trial.device, self._settings.failures)]
        return [
            _counted("address", trial.account, trial.party, self._settings.failures),
            _counted("account", trial.account, "", self._settings.account_failures),
        ]

    async def _fail(self, one: _Counted) -> float:
        """Count a failure, and begin its lock where there is one; return the wait if somebody else has begun it."""
        count = await self._counters.add(one.failures, self._settings.forget, prolong=True)
        over = count.value - one.limit
        if over < 0:
            return 0.0
        seconds = min(self._settings.first * 2 ** min(over, _MOST_DOUBLINGS), self._settings.longest)
        lock = await self._counters.add(one.lock, seconds)
        return 0.0 if lock.value == 1 else lock.seconds_left

    async def _take_back(self, one: _Counted) -> None:
        if await self._uncount(one) < one.limit:
            await self._counters.clear(one.lock)

    async def _uncount(self, one: _Counted) -> int:
        return (await self._counters.add(one.failures, self._settings.forget, -1)).value


class AddressRate:
    """How often one address may try, whatever names it tries.

    By this instance's bucket first, so that a flood costs the broker nothing, then by the one that instances share.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, settings: LockoutSettings, counters: Counters, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._counters = counters
        self._buckets = KeyedBuckets(TokenBucket(settings.rate, settings.burst), clock)

    async def take(self, party: str) -> float:
        """Count a request; return how long to wait, and then count nothing where instances share.

        Raises:
            BrokerError: the broker cannot count.
        """
        if not self._buckets.take(party):
            return 1 / self._settings.rate
        return await self._counters.take(_key("rate", party), self._settings.rate, self._settings.burst)


def _counted(kind: str, account: str, party: str, limit: int) -> _Counted:
    return _Counted(_key("failures", kind, account, party), _key("lock", kind, account, party), limit)


def _key(kind: str, *parts: str) -> str:
    """Return a short name of what is counted, which shows neither accounts nor addresses to who reads the broker."""
    text = "\0".join(parts).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=_DIGEST_BYTES).digest()
    return f"login-{kind}:{base64.urlsafe_b64encode(digest).decode()}"
