"""What stands between a caller and a bad backend: a deadline, a bulkhead, a breaker, and retries within a budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from holdfast.proxy.caller import CallError
from holdfast.resilience.circuit_breaker import BreakerRules, BreakerState, CircuitBreaker
from holdfast.resilience.eager import in_task
from holdfast.resilience.retry import Retries, RetryRules
from holdfast.resilience.retry_budget import RetryBudget
from holdfast.settings_proxies import Proxy

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5

Value = TypeVar("Value")


class Guard:
    """Guards the calls of one proxy.

    Args:
        settings: its timeout and guards.
        clock: monotonic seconds.
        is_failure: says of a failed call whether the backend is to blame, which counts for the breaker.
        on_change: told of the breaker's changes.
        name: what the metric of retries calls the proxy.
    """

    def __init__(
        self,
        settings: Proxy,
        clock: Callable[[], float],
        is_failure: Callable[[CallError], bool],
        on_change: Callable[[BreakerState], object] = lambda state: None,
        name: str = "",
    ) -> None:
        guards = settings.guards
        self._timeout = settings.timeout
        self._max_wait = guards.max_wait
        self._max_in_flight = guards.max_in_flight
        self._slots = asyncio.Semaphore(guards.max_in_flight)
        budget = RetryBudget(guards.retry_ratio)
        pauses = RetryRules(guards.retries, _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        self._retries = Retries(f"proxy:{name}", pauses, budget, _is_unsent, clock=clock)
        rules = BreakerRules(guards.breaker_window, guards.breaker_min_calls, guards.breaker_ratio, guards.breaker_open)
        self._breaker = CircuitBreaker(rules, clock, on_change)
        self._is_failure = is_failure
        self.in_flight = 0

    @property
    def breaker_state(self) -> BreakerState:
        """Where the breaker stands."""
        return self._breaker.state

    async def run(self, call: Callable[[], Awaitable[Value]]) -> Value:
        """Make a call, perhaps repeatedly where nothing was sent, and return what it returns.

        Raises:
            CallError: the call's own, or `proxy_timeout`, `proxy_busy` or `proxy_breaker_open`.
        """
        await in_task()
        permit: int | None = None
        is_failure: bool | None = None
        try:
            async with asyncio.timeout(self._timeout), self._slot():
                permit = self._breaker.allow()
                if permit is None:
                    raise self._open()
                value = await self._retries.run(call)
            is_failure = False
            return value
        except TimeoutError:
            is_failure = True
            raise CallError("proxy_timeout", f"no whole answer in {self._timeout:g} s") from None
        except CallError as error:
            is_failure = self._is_failure(error)
            raise
        finally:
            self._report(permit, is_failure)

    def _report(self, permit: int | None, is_failure: bool | None) -> None:
        if permit is None:
            return
        if is_failure is None:
            self._breaker.forget(permit)
        else:
            self._breaker.record(permit, is_failure=is_failure)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        await self._take_slot()
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self._slots.release()

    async def _take_slot(self) -> None:
        if self._breaker.state is BreakerState.OPEN:
            raise self._open()
        if not self._slots.locked():
            await self._slots.acquire()  # at once
            return
        try:
            async with asyncio.timeout(self._max_wait):
                await self._slots.acquire()
        except TimeoutError:
            detail = f"{self._max_in_flight} calls in flight, and none ended in {self._max_wait:g} s"
            raise CallError("proxy_busy", detail) from None

    def _open(self) -> CallError:
        return CallError("proxy_breaker_open", f"tried again in {self._breaker.wait_seconds():.1f} s")


def _is_unsent(error: Exception) -> bool:
    """Tell whether the backend cannot have seen the call: what may have run must not run twice."""
    return isinstance(error, CallError) and error.is_unsent
