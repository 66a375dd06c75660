"""Whether an instance should get traffic: named checks, each of which passes or says why not."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping

from holdfast.connections.lifecycle import Lifecycle
from holdfast.errors import GatewayError

Check = Callable[[], Awaitable[None]]
"""Returns if all is well, else raises a GatewayError whose text says what is wrong."""

PASSED = "ok"
_FORGIVEN = f"{PASSED}, although "


def passes(state: str) -> bool:
    """Tell whether a report's entry is no reason to send traffic elsewhere."""
    return state == PASSED or state.startswith(_FORGIVEN)


class Readiness:
    """Runs the checks at most once in `max_age` seconds, however often it is asked.

    Args:
        lifecycle: not started yet, or leaving already, is not ready, whatever the checks say.
        checks: by the name that a report shows.
        timeout: seconds that one check may take.
        max_age: seconds that a result of the checks is good for.
        clock: monotonic seconds.
        patience: for how many seconds a check that has passed may fail before it counts, by name. All instances see
            a shared broker go at the same moment, and would else all turn clients away for a failover of seconds.
            With infinity it is only told.
    """

    def __init__(
        self,
        lifecycle: Lifecycle,
        checks: Mapping[str, Check],
        *,
        timeout: float,
        max_age: float,
        clock: Callable[[], float],
        patience: Mapping[str, float] | None = None,
    ) -> None:
        self._lifecycle = lifecycle
        self._checks = checks
        self._timeout = timeout
        self._max_age = max_age
        self._clock = clock
        self._patience = patience or {}
        self._passed_at: dict[str, float] = {}
        self._checked_at = float("-inf")
        self._last: dict[str, str] = {}
        self._running: asyncio.Task[dict[str, str]] | None = None

    async def report(self) -> dict[str, str]:
        """Return each check's name with `ok` or the reason of its failure; `passes` tells them apart."""
        lifecycle = self._lifecycle
        states = {
            "started": PASSED if lifecycle.is_started else "the instance is starting",
            "not_draining": "the instance is draining" if lifecycle.is_leaving else PASSED,
        }
        return {**states, **await self._checked()}

    async def _checked(self) -> dict[str, str]:
        if self._clock() - self._checked_at < self._max_age:
            return self._last
        if self._running is None:
            self._running = asyncio.create_task(self._run_all())
        # Shielded: whoever else waits for the same run must not lose it with this caller.
        return await asyncio.shield(self._running)

    async def _run_all(self) -> dict[str, str]:
        try:
            reasons = await asyncio.gather(*(self._run(check) for check in self._checks.values()))
            self._checked_at = self._clock()
            self._last = {name: self._judge(name, reason) for name, reason in zip(self._checks, reasons, strict=True)}
        finally:
            self._running = None
        return self._last

    def _judge(self, name: str, reason: str) -> str:
        now = self._checked_at
        if reason == PASSED:
            self._passed_at[name] = now
            return PASSED
        patience = self._patience.get(name, 0.0)
        failing = now - self._passed_at.get(name, float("-inf"))
        if failing >= patience:
            return reason
        limit = f" of {patience:g} s" if math.isfinite(patience) else ""
        return f"{_FORGIVEN}not for {failing:.0f} s{limit}: {reason}"

    async def _run(self, check: Check) -> str:
        try:
            async with asyncio.timeout(self._timeout):
                await check()
        except TimeoutError:
            return f"no answer within {self._timeout:g} s"
        except GatewayError as error:
            return str(error)
        except Exception as error:  # one broken check must not hide what the others say
            return f"failed with {type(error).__name__}: {error}"
        return PASSED
