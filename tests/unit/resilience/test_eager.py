"""Eager coroutines: no task where nothing waits, else the behaviour of an ordinary task."""

import asyncio
import contextvars
import gc
from typing import Any

import pytest

from holdfast.resilience.eager import in_task, run_eagerly


def fail(error: Exception) -> None:
    """Stand for an `on_error` that must not be called."""
    raise AssertionError(f"unexpected {error!r}")


async def test_run_eagerly_without_wait_needs_no_task() -> None:
    """A coroutine that never waits is done when the call returns."""
    seen: list[str] = []

    async def work() -> None:
        seen.append("done")

    assert run_eagerly(work(), asyncio.get_running_loop(), fail) is None
    assert seen == ["done"]


async def test_run_eagerly_reports_an_immediate_error() -> None:
    """An error before the first wait goes to on_error, not to the caller."""

    async def work() -> None:
        raise ValueError("at once")

    errors: list[Exception] = []

    assert run_eagerly(work(), asyncio.get_running_loop(), errors.append) is None
    assert [str(error) for error in errors] == ["at once"]


@pytest.mark.parametrize("waits", [1, 2, 5])
async def test_run_eagerly_carries_on_in_a_task(waits: int) -> None:
    """From the first wait on the coroutine lives in the returned task."""
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        for _ in range(waits):
            future = loop.create_future()
            loop.call_soon(future.set_result, "value")
            assert await future == "value"
            tasks.append(asyncio.current_task())

    task = run_eagerly(work(), loop, fail)
    assert task is not None
    assert tasks == []
    await task

    assert tasks == [task] * waits


async def test_run_eagerly_survives_bare_yields() -> None:
    """A coroutine that only gives way with sleep(0) continues too."""
    seen: list[int] = []

    async def work() -> None:
        for number in range(3):
            await asyncio.sleep(0)
            seen.append(number)

    task = run_eagerly(work(), asyncio.get_running_loop(), fail)
    assert task is not None
    await task

    assert seen == [0, 1, 2]


async def test_run_eagerly_with_a_future_done_before_the_task_starts() -> None:
    """A future that completes between the first step and the task's start loses nothing."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    seen: list[int] = []

    async def work() -> None:
        seen.append(await future)

    task = run_eagerly(work(), asyncio.get_running_loop(), fail)
    future.set_result(7)
    assert task is not None
    await task

    assert seen == [7]


async def test_run_eagerly_throws_the_futures_error_into_the_coroutine() -> None:
    """A failed future raises where the coroutine waits, and may be handled there."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    seen: list[str] = []

    async def work() -> None:
        try:
            await future
        except OSError as error:
            seen.append(str(error))
        await asyncio.sleep(0)
        seen.append("went on")

    task = run_eagerly(work(), asyncio.get_running_loop(), fail)
    future.set_exception(OSError("broken"))
    assert task is not None
    await task

    assert seen == ["broken", "went on"]


async def test_run_eagerly_reports_a_late_error() -> None:
    """An error after a wait goes to on_error and the task ends without one."""

    async def work() -> None:
        await asyncio.sleep(0)
        raise ValueError("late")

    errors: list[Exception] = []
    task = run_eagerly(work(), asyncio.get_running_loop(), errors.append)
    assert task is not None
    await task

    assert [str(error) for error in errors] == ["late"]


@pytest.mark.parametrize("turns", [0, 1, 3])
async def test_cancel_reaches_the_coroutine_where_it_waits(turns: int) -> None:
    """Cancelling works before, at and after the task's first step, with asynchronous cleanup."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            seen.append("cleaned")
            raise

    task = run_eagerly(work(), asyncio.get_running_loop(), fail)
    assert task is not None
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert seen == ["cleaned"]


@pytest.mark.parametrize("turns", [0, 2])
async def test_cancel_swallowed_by_the_coroutine_ends_normally(turns: int) -> None:
    """A coroutine that ends on cancellation ends its task without an error."""

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            return

    task = run_eagerly(work(), asyncio.get_running_loop(), fail)
    assert task is not None
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()

    assert await task is None


async def test_run_eagerly_of_a_coroutine_that_cancels_itself_is_quiet() -> None:
    """CancelledError before the first wait is neither an error nor the caller's business."""

    async def work() -> None:
        raise asyncio.CancelledError

    assert run_eagerly(work(), asyncio.get_running_loop(), fail) is None


async def test_in_task_gives_the_coroutine_its_own_task() -> None:
    """After in_task() timeouts hit the coroutine and never the task that called run_eagerly."""
    seen: list[asyncio.Task[Any] | None] = []

    async def work() -> None:
        await in_task()
        seen.append(asyncio.current_task())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await asyncio.get_running_loop().create_future()

    task = run_eagerly(work(), asyncio.get_running_loop(), fail)
    assert task is not None
    await task

    assert seen == [task]


async def test_in_task_inside_a_task_returns_at_once() -> None:
    """Code that already has a task of its own loses no turn of the loop."""
    with pytest.raises(StopIteration):
        in_task().send(None)


async def test_run_eagerly_nested_keeps_the_outer_step() -> None:
    """An eager run inside another leaves in_task() of the outer one right."""
    loop = asyncio.get_running_loop()
    seen: list[asyncio.Task[Any] | None] = []

    async def inner() -> None:
        pass

    async def outer() -> None:
        run_eagerly(inner(), loop, fail)
        await in_task()
        seen.append(asyncio.current_task())

    task = run_eagerly(outer(), loop, fail)
    assert task is not None
    await task

    assert seen == [task]


async def test_run_eagerly_keeps_context_variables_apart() -> None:
    """Variables set inside are the same before and after the wait, and unknown outside."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")

    async def work() -> None:
        token = variable.set("inside")
        await asyncio.sleep(0)
        assert variable.get() == "inside"
        variable.reset(token)

    task = run_eagerly(work(), asyncio.get_running_loop(), fail)
    assert variable.get() == "outside"
    assert task is not None
    await task


async def test_run_eagerly_keeps_the_task_alive_unheld() -> None:
    """A task nobody holds survives a garbage collection, unlike asyncio's own."""
    done = asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        done.set()

    run_eagerly(work(), asyncio.get_running_loop(), fail)
    gc.collect()

    assert await asyncio.wait_for(done.wait(), 5)


def test_run_eagerly_lets_interrupts_through() -> None:
    """KeyboardInterrupt and SystemExit are the process's, not on_error's."""

    async def work() -> None:
        raise KeyboardInterrupt

    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_eagerly(work(), loop, fail)
    finally:
        loop.close()


async def test_run_eagerly_dropped_with_the_loop_closes_the_coroutine() -> None:
    """When a task is thrown away unfinished, the coroutine's cleanup still runs."""
    seen: list[str] = []

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            seen.append("closed")

    task = run_eagerly(work(), asyncio.get_running_loop(), fail)
    assert task is not None
    task.get_coro().close()  # type: ignore[union-attr]  # a coroutine, as created above
    task.cancel()
    with pytest.raises((asyncio.CancelledError, RuntimeError)):
        await task
    assert seen == ["closed"]
