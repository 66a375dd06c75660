"""What failed for a moment is repeated, and an outage is not multiplied."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from holdfast.resilience.eager import run_eagerly
from holdfast.resilience.retry import Plan, Retries, RetryRules
from holdfast.resilience.retry_budget import RetryBudget
from holdfast.telemetry import metrics
from tests.brokers import Clock

TARGET = "test"


class Passing(Exception):
    """Goes away by itself."""


class Lasting(Exception):
    """Stays."""


def retries(clock: Clock | None = None, ratio: float = 1.0, pick: float = 0.5, **rules: Any) -> Retries:
    """Make retries of one target."""
    return Retries(
        TARGET,
        RetryRules(**rules),
        RetryBudget(ratio),
        lambda error: isinstance(error, Passing),
        clock=clock or Clock(),
        pick=lambda: pick,
    )


def failing(*errors: Exception) -> tuple[Callable[[], Awaitable[str]], list[int]]:
    """Return a call that fails so, one after the other, and then works; and a list that grows with each attempt."""
    attempts: list[int] = []

    async def call() -> str:
        attempts.append(1)
        if len(attempts) <= len(errors):
            raise errors[len(attempts) - 1]
        return "done"

    return call, attempts


def counted(result: str) -> float:
    """Read the counter."""
    return float(metrics.RETRIES.labels(TARGET, result)._value.get())


async def test_good_call_is_made_once() -> None:
    """And nothing is counted."""
    call, attempts = failing()
    before = counted("ok")

    assert await retries().run(call) == "done"
    assert len(attempts) == 1
    assert counted("ok") == before


async def test_passing_failure_is_repeated() -> None:
    """Until it works; each repetition is counted by its result."""
    call, attempts = failing(Passing(), Passing())
    ok, failed = counted("ok"), counted("failed")

    assert await retries().run(call) == "done"
    assert len(attempts) == 3
    assert (counted("ok") - ok, counted("failed") - failed) == (1, 1)


async def test_retries_end_with_the_last_failure() -> None:
    """Whoever called sees what the last attempt saw."""
    errors = [Passing("first"), Passing("second"), Passing("third")]
    call, attempts = failing(*errors)
    with pytest.raises(Passing, match="third"):
        await retries().run(call)

    assert len(attempts) == 3


async def test_lasting_failure_is_not_repeated() -> None:
    """Neither at once nor after a repetition."""
    at_once, once = failing(Lasting())
    with pytest.raises(Lasting):
        await retries().run(at_once)
    later, twice = failing(Passing(), Lasting())
    with pytest.raises(Lasting):
        await retries().run(later)

    assert (len(once), len(twice)) == (1, 2)


async def test_call_that_may_not_be_repeated_is_made_once() -> None:
    """The caller knows better what its call would do twice."""
    call, attempts = failing(Passing())
    with pytest.raises(Passing):
        await retries().run(call, lambda error: False)

    assert len(attempts) == 1


async def test_outage_is_not_multiplied() -> None:
    """Beyond what a quiet time saved, repetitions are a share of the calls."""
    shared = retries(ratio=0.1, retries=5)
    attempts = 0

    async def call() -> None:
        nonlocal attempts
        attempts += 1
        raise Passing

    denied = counted("denied")
    for _ in range(500):
        with pytest.raises(Passing):
            await shared.run(call)

    assert attempts <= 500 * 1.1 + 10
    assert counted("denied") > denied


async def test_cancelled_call_is_not_repeated() -> None:
    """Nobody waits for it any more."""
    started = asyncio.Event()
    attempts = 0

    async def call() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise Passing
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(retries().run(call))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert attempts == 2


async def test_call_without_a_task_is_repeated() -> None:
    """Commands of clients run without one until their first wait."""
    call, attempts = failing(Passing(), Passing())
    ended = asyncio.Event()
    errors: list[Exception] = []
    loop = asyncio.get_running_loop()

    async def command() -> None:
        await retries().run(call)
        ended.set()

    loop.call_soon(lambda: run_eagerly(command(), loop, errors.append))
    await asyncio.wait_for(ended.wait(), 5)

    assert len(attempts) == 3
    assert not errors


def test_pauses_grow_up_to_the_longest() -> None:
    """With full jitter."""
    plan = Plan(retries(retries=5, first_pause_seconds=0.1, longest_pause_seconds=0.5, pick=0.5))

    assert [plan.pause_after(Passing()) for _ in range(6)] == [0.05, 0.1, 0.2, 0.25, 0.25, False]


def test_no_attempt_begins_after_the_time_allowed() -> None:
    """A pause that would end behind it is not begun."""
    clock = Clock()
    plan = Plan(retries(clock, retries=9, first_pause_seconds=1, longest_pause_seconds=5, within_seconds=2, pick=0.9))

    assert plan.pause_after(Passing()) == 0.9
    clock.advance(1)
    assert plan.pause_after(Passing()) is False
