"""The process around the server: event loop, garbage collector, and what to say about both at start."""

from __future__ import annotations

import asyncio
import gc
import platform
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Final

# Measured over some 10,000 connections with a token and a subscription each: CPython's thresholds (700, 10, 10) cost
# 80 ms in 150 collections, the longest 45 ms, a full walk over every connection. These cost 30 ms in 15, the longest
# 12 ms. Connections are freed by their reference counts, so a full walk finds next to nothing.
GC_THRESHOLDS: Final = (10_000, 5, 100)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the event loop: uvloop's where it is installed, else asyncio's."""
    try:
        import uvloop
    except ImportError:  # pragma: no cover - only where uvloop has no wheel
        return asyncio.new_event_loop
    return uvloop.new_event_loop


@contextmanager
def hangups_ignored() -> Iterator[None]:
    """Ignore SIGHUP until the server takes it over: a rotation of logs must not end a start that takes its time."""
    try:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    except ValueError:  # not the main thread's, which alone has signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)


def freeze_garbage_collector() -> None:
    """Take everything that exists now out of all later collections, and collect less often.

    Called once, when modules are loaded and nobody is connected.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def describe_runtime(loop: asyncio.AbstractEventLoop) -> dict[str, str]:
    """Return what a log line needs to tell one run from another."""
    packages = ("uvicorn", "uvloop", "httptools", "starlette", "websockets", "msgspec")
    return {
        "loop": type(loop).__module__.partition(".")[0],
        "python": platform.python_version(),
        "kernel": platform.release(),
        **{name: _version_of(name) for name in packages},
    }


def _version_of(package: str) -> str:
    try:
        return version(package)
    except ModuleNotFoundError:
        return "none"
