"""Slow work of logins in threads: few at a time, few waiting, and never before what connections need."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from holdfast.errors import LoginError

BUSY_SECONDS: Final = 5
"""After so long whoever was refused may come again."""
_NICENESS: Final = 10

_T = TypeVar("_T")


class BoundedThreads:
    """Runs calls; what they take is bounded by `workers`, their queue by `waiting`.

    With `gives_way` its threads let those of normal priority go first, on Linux.
    """

    def __init__(self, name: str, workers: int, waiting: int, *, gives_way: bool = False) -> None:
        self._most = workers + waiting
        self._count = 0
        begin = _give_way if gives_way else None
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=f"holdfast-{name}", initializer=begin)

    @property
    def count(self) -> int:
        """Return how many calls run or wait."""
        return self._count

    async def run(self, call: Callable[[], _T]) -> _T:
        """Make a call and return its result.

        Raises:
            LoginError: `login_busy`, at once, where too many wait already.
        """
        if self._count >= self._most:
            raise LoginError("login_busy", f"{self._count} wait already.", retry_after=BUSY_SECONDS)
        future = asyncio.get_running_loop().run_in_executor(self._threads, call)
        self._count += 1
        # Shielded, so that a call counts until it is done, whether or not whoever asked for it is still there.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def close(self) -> None:
        """Let go of the threads; what waits is not done any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _done(self, future: asyncio.Future[Any]) -> None:
        self._count -= 1
        if not future.cancelled():
            future.exception()  # whoever asked has it, or is gone


def _give_way() -> None:
    if sys.platform == "linux":  # where each thread has a niceness of its own
        own = os.PRIO_PROCESS, threading.get_native_id()
        # A process that gives way itself may not be set above that, and would end for trying.
        os.setpriority(*own, max(_NICENESS, os.getpriority(*own)))
