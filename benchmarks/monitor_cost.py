"""What watching the resources costs, as a share of one core, with thousands of open descriptors.

    python -m benchmarks.monitor_cost [--descriptors 10000] [--seconds 20] [--limit-percent 0.5]

One look is measured on its own, many in a row, with the number of descriptors told by the kernel (Linux 6.2 and later)
and by listing them as before. Then a loop runs that does nothing but measure its lag four times a second and look once
a second, as the gateway does: the CPU time of that process is the whole cost, with its wake-ups and cold caches.
Exit codes: 0 below the limit, 1 above it, 4 the descriptors cannot be opened.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from holdfast.monitoring import proc_self
from holdfast.monitoring.events import Events
from holdfast.monitoring.monitor import ResourceMonitor
from holdfast.monitoring.sampling import Inside, Sampler
from holdfast.server.runtime import loop_factory
from holdfast.settings_monitor import MonitorSettings
from holdfast.telemetry.lag import LagWindow, measure_forever

LOOKS = 500


def make(connections: int) -> tuple[ResourceMonitor, LagWindow]:
    """Return a monitor of this process and the window of its lag."""
    lag = LagWindow(3.75, time.monotonic)
    inside = Inside(lambda: connections, connections, lambda: 0, lambda: 0, lag.value)
    sampler = Sampler(inside, 0, time.monotonic)
    return ResourceMonitor(MonitorSettings(), sampler.take, Events(time.time), lambda cause: None, time.monotonic), lag


def seconds_per_look(connections: int, looks: int = LOOKS) -> float:
    """Return the CPU time of one look."""
    monitor, lag = make(connections)
    for _ in range(20):
        lag.observe(0.001)
    monitor.measure()
    before = time.process_time()
    for _ in range(looks):
        monitor.measure()
    return (time.process_time() - before) / looks


def share_of_running(connections: int, seconds: float) -> float:
    """Return the CPU time, as a share of one core, of a loop that only watches."""

    async def watch() -> float:
        monitor, lag = make(connections)
        work = [asyncio.ensure_future(one) for one in (monitor.run(), measure_forever(lag.observe, time.monotonic))]
        await asyncio.sleep(1.0)
        before, began = time.process_time(), time.monotonic()
        await asyncio.sleep(seconds)
        share = (time.process_time() - before) / (time.monotonic() - began)
        for one in work:
            one.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        return share

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(watch())


@contextmanager
def open_descriptors(count: int) -> Iterator[None]:
    """Hold so many descriptors open.

    Raises:
        OSError: the limit does not allow it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    held: list[int] = []
    try:
        for _ in range(count):
            held.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def old_kernel() -> Iterator[None]:
    """Let the kernel not tell the number of descriptors, as before Linux 6.2."""
    with mock.patch.object(proc_self.os, "stat", return_value=os.stat_result((0,) * 10)):
        yield


def measure(descriptors: int, seconds: float) -> dict[str, float]:
    """Return all figures: microseconds of CPU time, and percent of one core."""
    with open_descriptors(descriptors):
        told = seconds_per_look(descriptors)
        with old_kernel():
            # Listing comes once in a while; a look that lists is told apart from the others by taking it alone.
            counter = proc_self.Descriptors(lambda: descriptors)
            before = time.process_time()
            counter.count()
            listing = time.process_time() - before
        running = share_of_running(descriptors, seconds)
        with old_kernel():
            running_old = share_of_running(descriptors, seconds)
    return {
        "descriptors": descriptors,
        "look_microseconds": round(told * 1e6, 1),
        "listing_microseconds": round(listing * 1e6, 1),
        "running_percent": round(running * 100, 4),
        "running_old_kernel_percent": round(running_old * 100, 4),
    }


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--descriptors", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--limit-percent", type=float, default=0.5)
    given = parser.parse_args()
    try:
        figures = measure(given.descriptors, given.seconds)
    except OSError as error:
        print(f"cannot open {given.descriptors} descriptors: {error}", file=sys.stderr)
        return 4
    print(json.dumps(figures, indent=2))
    worst = max(figures["running_percent"], figures["running_old_kernel_percent"])
    return 0 if worst < given.limit_percent else 1


if __name__ == "__main__":
    sys.exit(main())
