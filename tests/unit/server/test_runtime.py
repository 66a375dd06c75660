"""Event loop and garbage collector."""

import asyncio
import gc
import math
import os
import signal
import sys
import threading

from holdfast.server import runtime


def test_loop_is_uvloops_where_there_is_one():
    """The factory makes a loop that works."""
    loop = runtime.loop_factory()()

    try:
        assert runtime.describe_runtime(loop)["loop"] == "uvloop"
        assert loop.run_until_complete(asyncio.sleep(0, "done")) == "done"
    finally:
        loop.close()


def test_loop_is_asyncios_elsewhere(monkeypatch):
    """Without uvloop the gateway runs all the same."""
    monkeypatch.setitem(sys.modules, "uvloop", None)

    assert runtime.loop_factory() is asyncio.new_event_loop


def test_description_names_versions():
    """A log line tells one run from another; what is missing is `none`."""
    loop = asyncio.new_event_loop()
    loop.close()

    described = runtime.describe_runtime(loop)

    assert described["loop"] == "asyncio"
    assert described["uvicorn"].startswith("0.54.")
    assert runtime._version_of("no-such-package") == "none"


def test_collector_is_frozen_and_rarer():
    """What exists is never walked again, and the thresholds are ours."""
    before = gc.get_threshold()
    try:
        runtime.freeze_garbage_collector()

        assert gc.get_threshold() == runtime.GC_THRESHOLDS
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_full_collections_are_rarer_than_cpythons():
    """Walking every connection is what costs; it takes far more allocations than by default."""
    assert math.prod(runtime.GC_THRESHOLDS) > 10 * math.prod((700, 10, 10))


def test_hangup_ends_no_start():
    """SIGHUP before the server listens to it does nothing, and afterwards what it did before."""
    seen = []
    before = signal.signal(signal.SIGHUP, lambda *_: seen.append(1))
    try:
        with runtime.hangups_ignored():
            os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert seen == [1]


def test_hangup_is_left_alone_outside_the_main_thread():
    """Where signals cannot be handled, nothing is changed and nothing fails."""
    ends = []

    def run():
        with runtime.hangups_ignored():
            ends.append(signal.getsignal(signal.SIGHUP))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)

    assert ends == [signal.getsignal(signal.SIGHUP)]
