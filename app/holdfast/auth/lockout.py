"""Who has to wait before trying another password: growing, temporary locks, and nobody else's. Pure but for the clock.

Failures are counted for an account at one address (or on one known device), and for the account from everywhere. So a
stranger's failures lock the stranger; only a crowd of strangers locks the account for devices that it does not know. A
device that has logged in before is known by its cookie and counted for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from holdfast.settings_auth import LockoutSettings

MOST_KEYS: Final = 20_000
_MOST_DOUBLINGS: Final = 40


class Trial(NamedTuple):
    """Who tries: the account's name, where from, and which known device of that account, "" for none."""

    account: str
    party: str
    device: str = ""


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last_at: float = 0.0
    locked_until: float = 0.0


_Key = tuple[str, str, str]


class Lockouts:
    """Counts failures and says how long to wait.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, settings: LockoutSettings, clock: Callable[[], float], most_keys: int = MOST_KEYS) -> None:
        self._settings = settings
        self._clock = clock
        self._most_keys = most_keys
        # By key, the one that has not been used for longest first.
        self._counts: dict[_Key, _Count] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def wait_seconds(self, trial: Trial) -> float:
        """Return how long this one has to wait, 0 if not at all; asking counts for nothing."""
        now = self._clock()
        found = (self._counts.get(key) for key, _ in self._keys(trial))
        return max([0.0, *(count.locked_until - now for count in found if count is not None)])

    def begin(self, trial: Trial) -> float:
        """Count an attempt as failed until it turns out well; return what `wait_seconds` would, and then count nothing.

        Counted before the password is checked, so that many at once are no way around the limit.
        """
        wait = self.wait_seconds(trial)
        if wait > 0:
            return wait
        for key, limit in self._keys(trial):
            self._fail(key, limit)
        return 0.0

    def succeed(self, trial: Trial) -> None:
        """Forget the failures of who turned out to be right, and take back one from the account's."""
        own, *others = self._keys(trial)
        self._counts.pop(own[0], None)
        for key, limit in others:
            self._take_back(key, limit)

    def abandon(self, trial: Trial) -> None:
        """Take back an attempt that was never judged."""
        for key, limit in self._keys(trial):
            self._take_back(key, limit)

    # Private methods

    def _keys(self, trial: Trial) -> list[tuple[_Key, int]]:
        if trial.device:
            return [(("device", trial.account, trial.device), self._settings.failures)]
        return [
            (("address", trial.account, trial.party), self._settings.failures),
            (("account", trial.account, ""), self._settings.account_failures),
        ]

    def _fail(self, key: _Key, limit: int) -> None:
        now = self._clock()
        count = self._counts.pop(key, None)
        if count is None or now - count.last_at > self._settings.forget:
            count = _Count()
        count.failures += 1
        count.last_at = now
        over = count.failures - limit
        if over >= 0:
            lock = self._settings.first * 2 ** min(over, _MOST_DOUBLINGS)
            count.locked_until = now + min(lock, self._settings.longest)
        if len(self._counts) >= self._most_keys:
            del self._counts[next(iter(self._counts))]
        self._counts[key] = count

    def _take_back(self, key: _Key, limit: int) -> None:
        count = self._counts.get(key)
        if count is None:
            return
        count.failures -= 1
        if count.failures < limit:
            count.locked_until = 0.0
        if count.failures <= 0:
            del self._counts[key]
