"""The one way of repeating a call to something outside that failed for a moment.

Pauses grow and are jittered. Repetitions come out of a budget that all calls to the same thing share, so that an
outage is never multiplied by them. Whoever repeats something by itself later, or is called by somebody who repeats,
makes plain calls: retries do not nest.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

import stamina
from stamina.instrumentation import set_on_retry_hooks

from holdfast.resilience.backoff import full_jitter
from holdfast.resilience.eager import in_task
from holdfast.resilience.retry_budget import RetryBudget
from holdfast.telemetry import metrics

# Its own hooks would write the texts of errors, which may hold addresses with credentials, and count them elsewhere.
set_on_retry_hooks(())

# When to stop and how long to wait is for the plan to say.
_LOOP = stamina.AsyncRetryingCaller(attempts=None, timeout=None)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class RetryRules:
    """How often and how fast a call is repeated.

    `within_seconds` after the first attempt began, no further one begins; each attempt's own time is bounded by
    whoever makes it.
    """

    retries: int = 2
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 1.0
    within_seconds: float = float("inf")


class Retries:
    """Makes calls to one thing, repeating what failed for a moment; `stamina.set_testing` takes its pauses away.

    Args:
        target: what is called, for the metric.
        rules: how often and how fast.
        budget: shared by all who call the same thing.
        is_temporary: says of a failure whether the same may succeed soon.
        clock: monotonic seconds.
        pick: numbers from 0 up to but not including 1, for the jitter.
    """

    def __init__(
        self,
        target: str,
        rules: RetryRules,
        budget: RetryBudget,
        is_temporary: Callable[[Exception], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
        pick: Callable[[], float] = random.random,
    ) -> None:
        self._target = target
        self.rules = rules
        self._budget = budget
        self.is_temporary = is_temporary
        self._clock = clock
        self._pick = pick

    async def run(
        self, call: Callable[[], Awaitable[Value]], may_repeat: Callable[[Exception], bool] | None = None
    ) -> Value:
        """Return what `call` returns, in the end; raise what its last attempt raised.

        `may_repeat` is asked for its leave too, where not every call may be made twice.
        """
        self._budget.on_call()
        plan = Plan(self, may_repeat)
        try:
            return await call()  # which nearly always is all
        except Exception as error:
            if not self.is_temporary(error):
                raise
            failed = [error]

        async def attempt() -> Value:
            if failed:  # what has been made already is the first
                raise failed.pop()
            return await call()

        await in_task()  # which sleeping libraries ask for
        value = await _LOOP(plan.pause_after, attempt)
        self._count("ok")
        return value

    # What plans ask

    def now(self) -> float:
        """Return the time, in monotonic seconds."""
        return self._clock()

    def pause(self, number: int) -> float:
        """Return how long to wait before the repetition of this number (from 0)."""
        return full_jitter(number, self.rules.first_pause_seconds, self.rules.longest_pause_seconds, self._pick)

    def take(self) -> bool:
        """Take a repetition out of the budget; say whether there was one."""
        has_one = self._budget.take()
        if not has_one:
            self._count("denied")
        return has_one

    def on_failed_again(self) -> None:
        """Count a repetition that failed as well."""
        self._count("failed")

    def _count(self, result: str) -> None:
        metrics.RETRIES.labels(self._target, result).inc()


class Plan:
    """The attempts of one call: decides after each failure whether and when the next one is made."""

    __slots__ = ("_failures", "_may_repeat", "_retries", "_started_at")

    def __init__(self, retries: Retries, may_repeat: Callable[[Exception], bool] | None = None) -> None:
        self._retries = retries
        self._may_repeat = may_repeat
        self._started_at = retries.now()
        self._failures = 0

    def pause_after(self, error: BaseException) -> float | bool:
        """Return the seconds to wait before the next attempt, False for no further one."""
        if not isinstance(error, Exception):  # cancelled
            return False
        if self._failures:
            self._retries.on_failed_again()
        self._failures += 1
        rules = self._retries.rules
        if self._failures > rules.retries or not self._is_repeatable(error):
            return False
        pause = self._retries.pause(self._failures - 1)
        ends_in_time = self._retries.now() + pause < self._started_at + rules.within_seconds
        return pause if ends_in_time and self._retries.take() else False

    def _is_repeatable(self, error: Exception) -> bool:
        return self._retries.is_temporary(error) and (self._may_repeat is None or self._may_repeat(error))
