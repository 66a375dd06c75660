"""Run a coroutine at once, and make an asyncio task only for one that has to wait.

Most commands of a client never suspend (static keys, embedded broker). A task, its context and
one turn of the loop would be their main cost, so they are stepped by hand up to their first wait.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any, cast

_stepping = False  # True while a coroutine runs its first step here, outside any task of its own
_running: set[asyncio.Task[None]] = set()  # the loop keeps tasks weakly only


def run_eagerly(
    coro: Coroutine[Any, Any, object],
    loop: asyncio.AbstractEventLoop,
    on_error: Callable[[Exception], None],
) -> asyncio.Task[None] | None:
    """Run `coro` until it ends or waits; return the task that carries the rest, None if it ended.

    An `Exception` of the coroutine goes to `on_error`, before the return or later in the task,
    and never to the caller. Cancelling the task cancels the coroutine where it waits; the task
    then ends cancelled and `on_error` hears nothing. The result is dropped. The whole run has one
    copy of the caller's context variables.

    Until its first wait the coroutine has no task of its own: one that needs
    `asyncio.current_task()` there (timeouts, task groups, HTTP clients) calls `await in_task()`
    first. Must be called on the thread of `loop`.
    """
    global _stepping
    context = copy_context()
    outer, _stepping = _stepping, True
    try:
        awaited = context.run(coro.send, None)
    except StopIteration:
        return None
    except asyncio.CancelledError:
        return None  # it cancelled itself: nothing is left to do and nobody to tell
    except Exception as error:
        on_error(error)
        return None
    finally:
        _stepping = outer
    rest = _finish(coro, awaited, on_error)
    # Advanced to its first, empty yield, so that a cancellation before the task's first step
    # reaches the coroutine instead of a wrapper that never started.
    rest.send(None)
    task = loop.create_task(rest, context=context)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def in_task() -> None:
    """Return inside a task: at once if the caller has one of its own, else after one wait."""
    if _stepping or asyncio.current_task() is None:
        await asyncio.sleep(0)


async def _finish(coro: Coroutine[Any, Any, object], awaited: object, on_error: Callable[[Exception], None]) -> None:
    try:
        await _resume(coro, awaited)
    except Exception as error:  # the boundary of the task: its owner is told through on_error
        on_error(error)


@types.coroutine
def _resume(coro: Coroutine[Any, Any, object], awaited: object) -> Generator[Any, Any, object]:
    """Hand the task what `coro` waits for, then let the task drive `coro` itself."""
    waiting: object = None
    while True:
        try:
            yield waiting
        except GeneratorExit:
            coro.close()
            raise
        except BaseException as error:
            try:
                waiting = coro.throw(error)
            except StopIteration as stop:
                return stop.value
            awaited = None
        else:
            if awaited is None:
                return (yield from cast(Generator[Any, Any, object], coro))
            waiting, awaited = awaited, None
