"""A bad backend costs a bounded time, a bounded number of calls, and at last none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfast.proxy.caller import CallError
from holdfast.proxy.guard import Guard
from holdfast.resilience.circuit_breaker import BreakerState
from holdfast.settings_proxies import Proxy
from tests.brokers import Clock


class World:
    """A guard."""

    def __init__(self, timeout: float = 5.0, **guards: Any) -> None:
        self.clock = Clock()
        settings = Proxy.model_validate({"timeout": timeout, "guards": guards})
        self.guard = Guard(settings, self.clock, lambda error: error.slug != "proxy_bad_reply")
        self.calls = 0

    async def slug(self, call: Callable[[], Awaitable[Any]]) -> str:
        """Return how a call ended."""

        async def counted() -> Any:
            self.calls += 1
            return await call()

        try:
            await self.guard.run(counted)
        except CallError as error:
            return error.slug
        return "ok"


def failing(*errors: CallError | None) -> Callable[[], Awaitable[str]]:
    """Return a call that fails so, one after the other, and then works."""
    left = list(errors)

    async def call() -> str:
        if left and (error := left.pop(0)) is not None:
            raise error
        return "done"

    return call


async def hang() -> None:
    """Never end."""
    await asyncio.Event().wait()


REFUSED = CallError("proxy_refused", "", is_unsent=True)
BROKEN = CallError("proxy_broken", "")


async def test_call_returns_what_it_brings() -> None:
    """A good call passes through, and nothing stays in flight."""
    world = World()

    assert await world.guard.run(failing()) == "done"
    assert world.guard.in_flight == 0


async def test_unsent_call_is_repeated() -> None:
    """As often as it takes, within the retries allowed."""
    world = World()

    assert await world.slug(failing(REFUSED, REFUSED)) == "ok"
    assert world.calls == 3


async def test_call_that_may_have_run_is_not_repeated() -> None:
    """A publication must not be made twice."""
    world = World()

    assert await world.slug(failing(BROKEN)) == "proxy_broken"
    assert world.calls == 1


async def test_retries_end() -> None:
    """After as many as are configured, or with the budget."""
    world = World(retries=1)
    poor = World(retry_ratio=0)

    assert await world.slug(failing(REFUSED, REFUSED, REFUSED)) == "proxy_refused"
    assert world.calls == 2
    assert await poor.slug(failing(REFUSED)) == "proxy_refused"
    assert poor.calls == 1


async def test_call_has_a_deadline() -> None:
    """However long it would hang."""
    world = World(timeout=0.01)

    assert await world.slug(hang) == "proxy_timeout"
    assert world.guard.in_flight == 0


async def test_too_many_calls_are_turned_away() -> None:
    """Those in flight go on; one more waits only so long."""
    world = World(max_in_flight=2, max_wait=0.01)
    running = [asyncio.create_task(world.guard.run(hang)) for _ in range(2)]
    await asyncio.sleep(0)

    assert await world.slug(failing()) == "proxy_busy"
    assert world.guard.in_flight == 2
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert world.guard.in_flight == 0
    assert await world.slug(failing()) == "ok"


async def test_waiting_call_gets_a_slot_that_comes_free() -> None:
    """Within its wait."""
    world = World(max_in_flight=1, max_wait=5)
    gate = asyncio.Event()
    first = asyncio.create_task(world.guard.run(gate.wait))
    await asyncio.sleep(0)
    second = asyncio.create_task(world.slug(failing()))
    await asyncio.sleep(0)
    gate.set()

    assert await second == "ok"
    await first


async def test_breaker_stops_calls_of_a_dead_backend() -> None:
    """No call is made while it is open; the first good probe opens the way again."""
    world = World(breaker_min_calls=2, breaker_open=5)
    for _ in range(2):
        await world.slug(failing(BROKEN))

    assert world.guard.breaker_state is BreakerState.OPEN
    assert await world.slug(failing()) == "proxy_breaker_open"
    world.clock.advance(5)
    assert await world.slug(failing()) == "ok"
    assert world.guard.breaker_state is BreakerState.CLOSED


async def test_bad_answers_do_not_open_the_breaker() -> None:
    """The backend lives; what it answers is for its owner to see."""
    world = World(breaker_min_calls=2)
    for _ in range(10):
        await world.slug(failing(CallError("proxy_bad_reply", "")))

    assert world.guard.breaker_state is BreakerState.CLOSED


async def test_cancelled_probe_leaves_the_breaker_ready() -> None:
    """Whoever waited for it is gone; the next call is the probe."""
    world = World(breaker_min_calls=1, breaker_open=5)
    await world.slug(failing(BROKEN))
    world.clock.advance(5)
    probe = asyncio.create_task(world.guard.run(hang))
    await asyncio.sleep(0)
    assert await world.slug(failing()) == "proxy_breaker_open"
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe

    assert await world.slug(failing()) == "ok"
