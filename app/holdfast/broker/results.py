"""The results of publications that carried an idempotency key, remembered for a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from holdfast.broker.expiry import ExpiryQueue
from holdfast.broker.pool import GONE, Pool
from holdfast.protocol.messages import StreamPosition

_WIDTH_SECONDS = 1.0


class Result:
    """Where a publication with an idempotency key went."""

    __slots__ = ("channel", "expires_at", "key", "place", "position")

    def __init__(self, channel: str, key: str, position: StreamPosition, expires_at: float) -> None:
        self.channel = channel
        self.key = key
        self.position = position
        self.expires_at = expires_at
        self.place = GONE


class ResultCache:
    """Results by channel and idempotency key, at most `limit`; above it those that expire first go early.

    Args:
        clock: seconds, never going back.
        limit: how many results are kept; 0 keeps none.
    """

    def __init__(self, clock: Callable[[], float], limit: int) -> None:
        self._clock = clock
        self._limit = limit
        self._results: dict[tuple[str, str], Result] = {}
        self._pool: Pool[Result] = Pool()
        self._queue: ExpiryQueue[Result] = ExpiryQueue(_WIDTH_SECONDS)

    def __len__(self) -> int:
        """Return how many results are in memory."""
        return len(self._results)

    def get(self, channel: str, key: str) -> StreamPosition | None:
        """Return the first result under the key, None when there is none or it is too old."""
        result = self._results.get((channel, key))
        if result is None or self._clock() >= result.expires_at:
            return None
        return result.position

    def put(self, channel: str, key: str, position: StreamPosition, ttl: float) -> None:
        """Remember a result for `ttl` seconds."""
        self.restore(Result(channel, key, position, self._clock() + ttl))

    def restore(self, result: Result) -> None:
        """Enter a result with its deadline, in place of one with the same key."""
        if self._limit == 0:
            return
        present = self._results.get((result.channel, result.key))
        if present is not None:
            self._drop(present)
        while len(self._results) >= self._limit:
            for early in self._queue.take(1)[1]:
                self._drop(early)
        self._results[result.channel, result.key] = result
        self._pool.add(result)
        self._queue.add(result, result.expires_at)

    def sweep(self, budget: int) -> int:
        """Free what has expired, looking at up to `budget` results, and return at how many."""
        return self._queue.sweep(self._clock(), budget, self._drop)

    def capture(self, budget: int) -> Iterator[list[Result]]:
        """Yield all results in slices of at most `budget`; the cache may change between slices."""
        cursor = len(self._pool)
        while (cursor := min(cursor, len(self._pool))) > 0:
            start = max(cursor - budget, 0)
            yield [self._pool[place] for place in range(start, cursor)]
            cursor = start

    # Private methods

    def _drop(self, result: Result) -> None:
        if self._pool.discard(result):
            del self._results[result.channel, result.key]
