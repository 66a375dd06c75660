from __future__ import annotations

import asyncio
import os
import sys
import threading

import pytest

from holdfast.auth.threads import BoundedThreads
from holdfast.errors import LoginError


async def test_run_returns_what_the_call_does() -> None:
    """Results and errors come back to whoever asked."""
    threads = BoundedThreads("test", 1, 1, gives_way=True)

    assert await threads.run(lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    threads.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only there a thread has a niceness of its own")
@pytest.mark.parametrize(("own", "becomes"), [(0, 10), (19, 19)])
async def test_threads_give_way_and_never_take_more(monkeypatch: pytest.MonkeyPatch, own: int, becomes: int) -> None:
    """Whoever runs the gateway under `nice` has not allowed it to come before that, and the kernel refuses it."""
    asked = []
    monkeypatch.setattr(os, "getpriority", lambda *_which: own)
    monkeypatch.setattr(os, "setpriority", lambda *words: asked.append(words[-1]))
    threads = BoundedThreads("test", 1, 1, gives_way=True)
    await threads.run(lambda: None)
    threads.close()

    assert asked == [becomes]


async def test_run_refuses_more_than_may_wait() -> None:
    """At once, so that a flood neither takes memory nor makes others wait."""
    threads = BoundedThreads("test", 1, 2)
    gate = threading.Event()
    waiting = [asyncio.ensure_future(threads.run(gate.wait)) for _ in range(3)]
    await asyncio.sleep(0)

    with pytest.raises(LoginError, match="login_busy"):
        await threads.run(lambda: None)
    assert threads.count == 3
    gate.set()
    assert await asyncio.gather(*waiting) == [True] * 3
    assert threads.count == 0
    threads.close()


async def test_run_counts_what_nobody_waits_for_any_more() -> None:
    """A client that leaves does not make room while its work goes on."""
    threads = BoundedThreads("test", 1, 1)
    gate = threading.Event()
    left = asyncio.ensure_future(threads.run(gate.wait))
    await asyncio.sleep(0)
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)

    assert threads.count == 1
    gate.set()
    await threads.run(lambda: None)
    threads.close()
