"""A circuit breaker: stops calls to something that keeps failing, and lets single ones through to see if it is back.

Pure: it is told the time by a clock and each outcome by its caller. Failures are judged as a share of the calls of a
sliding window, so that neither a single bad call opens it nor a trickle of good ones keeps it shut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

# The window slides in steps of this share of it.
_STEPS = 10


class BreakerState(IntEnum):
    """Closed lets everything through, open nothing, half-open one call at a time."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When a breaker opens and when it tries again.

    It opens once at least `min_calls` ended within `window_seconds` and `failure_ratio` of them failed; after
    `open_seconds` it lets one call through. A ratio of 0 never opens.
    """

    window_seconds: float = 10.0
    min_calls: int = 20
    failure_ratio: float = 0.5
    open_seconds: float = 5.0


class CircuitBreaker:
    """One breaker. Whoever got a permit must hand it back by `record` or `forget`, once.

    Args:
        rules: when it opens and closes.
        clock: monotonic seconds.
        on_change: told of each change of state.
    """

    def __init__(
        self,
        rules: BreakerRules,
        clock: Callable[[], float],
        on_change: Callable[[BreakerState], object] = lambda state: None,
    ) -> None:
        self._rules = rules
        self._clock = clock
        self._on_change = on_change
        self._state = BreakerState.CLOSED
        self._opened_at = 0.0
        self._is_probing = False
        self._period = 0  # counts the changes of state
        self._step = rules.window_seconds / _STEPS
        self._counts: dict[int, list[int]] = {}  # by step: calls, failures

    @property
    def state(self) -> BreakerState:
        """Return where it stands; one that is due for a probe reads half-open."""
        return BreakerState.HALF_OPEN if self._is_due() else self._state

    def allow(self) -> int | None:
        """Return the permit of a call that may be made now, None for no."""
        if self._is_due():
            self._enter(BreakerState.HALF_OPEN)
        if self._state is BreakerState.OPEN or self._is_probing:
            return None
        self._is_probing = self._state is BreakerState.HALF_OPEN
        return self._period

    def would_allow(self) -> bool:
        """Tell whether `allow` gave a permit now, without taking one."""
        return self._is_due() or self._state is BreakerState.CLOSED or self._is_free()

    def trip(self) -> None:
        """Open from outside; where it is open, for as long again."""
        if self._state is BreakerState.OPEN:
            self._opened_at = self._clock()
        else:
            self._open()

    def close(self) -> None:
        """Close from outside; outcomes of calls allowed before tell nothing any more."""
        if self._state is not BreakerState.CLOSED:
            self._enter(BreakerState.CLOSED)

    def record(self, permit: int, *, is_failure: bool) -> None:
        """Know how an allowed call ended; one allowed before the last change of state tells nothing any more."""
        if permit != self._period:
            return
        if self._state is BreakerState.CLOSED:
            self._count(is_failure)
        elif is_failure:
            self._open()
        else:
            self._enter(BreakerState.CLOSED)

    def forget(self, permit: int) -> None:
        """Know that an allowed call ended without telling anything, because it was cancelled."""
        if permit == self._period:
            self._is_probing = False

    def wait_seconds(self) -> float:
        """Return how long until the next call may be let through; 0 where one is now."""
        if self._state is not BreakerState.OPEN:
            return 0.0
        return max(0.0, self._opened_at + self._rules.open_seconds - self._clock())

    def _is_free(self) -> bool:
        return self._state is BreakerState.HALF_OPEN and not self._is_probing

    def _is_due(self) -> bool:
        return self._state is BreakerState.OPEN and self.wait_seconds() <= 0

    def _count(self, is_failure: bool) -> None:
        if not self._rules.failure_ratio:
            return
        now = int(self._clock() / self._step)
        for old in [step for step in self._counts if step <= now - _STEPS]:
            del self._counts[old]
        row = self._counts.setdefault(now, [0, 0])
        row[0] += 1
        row[1] += is_failure
        calls, failures = (sum(column) for column in zip(*self._counts.values(), strict=True))
        if is_failure and calls >= self._rules.min_calls and failures >= self._rules.failure_ratio * calls:
            self._open()

    def _open(self) -> None:
        self._opened_at = self._clock()
        self._enter(BreakerState.OPEN)

    def _enter(self, state: BreakerState) -> None:
        self._state = state
        self._period += 1
        self._is_probing = False
        self._counts.clear()
        self._on_change(state)
