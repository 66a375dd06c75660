"""Keep a line that repeats from flooding the log: so many at once, so many a second, and the rest only counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.resilience.token_bucket import TokenBucket

# Names of ours mostly, so there are few; libraries' texts are bounded by this.
MOST_KEYS = 1000


class Key(NamedTuple):
    """What makes two lines alike."""

    logger: str
    event: str
    slug: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many lines of one key were left out, over how many seconds up to now; `level` is that of the last one."""

    key: Key
    level: str
    count: int
    seconds: float


class _State:
    __slots__ = ("count", "full_at", "level", "since")

    def __init__(self) -> None:
        self.full_at = 0.0  # see TokenBucket
        self.count = 0
        self.since = 0.0
        self.level = ""


class RepeatLimiter:
    """Decides for each line whether it is written; any thread may ask.

    Args:
        bucket: how many lines of one event and cause are written; None leaves nothing out.
        clock: seconds, monotonic.
    """

    def __init__(self, bucket: TokenBucket | None, clock: Callable[[], float]) -> None:
        self._bucket = bucket
        self._clock = clock
        self._states: dict[Key, _State] = {}
        # Reentrant: the garbage collector may run a finalizer here that logs.
        self._lock = threading.RLock()

    def admits(self, key: Key, level: str) -> bool:
        """Tell whether to write a line now; one that is not is counted."""
        if self._bucket is None:
            return True
        now = self._clock()
        with self._lock:
            state = self._states.get(key) or self._state_of(key, now)
            full_at = self._bucket.take(state.full_at, now)
            if full_at is not None:
                state.full_at = full_at
                return True
            if not state.count:
                state.since = now
            state.count += 1
            state.level = level
            return False

    def take_left_out(self) -> list[LeftOut]:
        """Return what was left out since the last call, and begin to count anew."""
        now = self._clock()
        with self._lock:
            found = [
                LeftOut(key, state.level, state.count, round(now - state.since, 3))
                for key, state in self._states.items()
                if state.count
            ]
            for state in self._states.values():
                state.count = 0
        return found

    def _state_of(self, key: Key, now: float) -> _State:
        if len(self._states) >= MOST_KEYS:
            # A full bucket that owes no count says nothing that a new one would not.
            for known, state in list(self._states.items()):
                if state.full_at <= now and not state.count:
                    del self._states[known]
        if len(self._states) >= MOST_KEYS:
            key = Key(key.logger, "others", "")  # loggers are fewer still
        return self._states.setdefault(key, _State())
