"""Token buckets by key, such as an address, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from holdfast.resilience.token_bucket import TokenBucket

MOST_KEYS: Final = 10_000


class KeyedBuckets:
    """One rule for many keys; where there are more than are remembered, the one not seen for longest begins anew."""

    def __init__(self, bucket: TokenBucket, clock: Callable[[], float], most_keys: int = MOST_KEYS) -> None:
        """Limit each key by `bucket`; `clock` in seconds, monotonic."""
        self._bucket = bucket
        self._clock = clock
        self._most_keys = most_keys
        self._full_at: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str, count: int = 1) -> bool:
        """Take `count` from a key's bucket; return whether it held so many."""
        now = self._clock()
        before = self._full_at.pop(key, 0.0)
        after = self._bucket.take(before, now, count)
        if len(self._full_at) >= self._most_keys:
            del self._full_at[next(iter(self._full_at))]
        # Always entered anew, so that the first is the one that has not come for the longest time.
        self._full_at[key] = before if after is None else after
        return after is not None
