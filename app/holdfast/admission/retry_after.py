"""When a refused crowd comes back: each client at a moment of its own, later the larger the crowd is."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

# A refusal is forgotten by half after so long: about as long as a crowd of the usual size is away.
_HALF_LIFE_SECONDS: Final = 10.0
# Nobody shares a second with all others, however small the crowd.
_LEAST_CEILING: Final = 3


class RetryAfter:
    """Picks the seconds of `Retry-After`.

    Those who were refused lately must fit through the gate when they come back, so they are spread evenly over the
    time that the gate takes for them.

    Args:
        rate: newcomers a second that the gate lets in at its best; 0 where it has no limit.
        most: the longest wait, in seconds.
        clock: monotonic seconds.
        pick: numbers from 0 up to but not including 1.
    """

    def __init__(
        self, rate: float, most: float, clock: Callable[[], float], pick: Callable[[], float] = random.random
    ) -> None:
        self._rate = rate
        self._most = max(1, int(most))
        self._clock = clock
        self._pick = pick
        self._crowd = 0.0
        self._counted_at = clock()

    def seconds(self, *, is_crowd: bool = True) -> int:
        """Return how long one more refused client shall stay away, a whole number from 1 up.

        `is_crowd` is False for one that the gate had room for: it adds nothing to what the others wait for.
        """
        now = self._clock()
        self._crowd = self._crowd * 0.5 ** ((now - self._counted_at) / _HALF_LIFE_SECONDS) + is_crowd
        self._counted_at = now
        return 1 + int(self._pick() * self.ceiling)

    @property
    def ceiling(self) -> int:
        """The longest wait that a client is told now."""
        through = self._crowd / self._rate if self._rate else 0.0
        return min(self._most, _LEAST_CEILING + int(through))
