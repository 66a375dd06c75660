"""Instructions of a delivery, counted by valgrind: what no noise of the machine can change.

Counted is what the process itself executes, not what the kernel does for it; so the count says
nothing of system calls, but the least growth of our own part shows. Every publication waits for
the deliveries of the one before: how many share a write then does not hang on speed.

A publication costs a fixed part and one for each connection. Ten thousand connections take too long under
valgrind, so both parts are counted at two smaller numbers; the figures are what they make of ten thousand.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.parts import need_program
from benchmarks.plan import Plan, Suite
from benchmarks.process import CLIENT_CORE, SERVER_CORE, BenchmarkError, ServerProcess
from benchmarks.samples import Sample
from benchmarks.scenarios import Bench
from benchmarks.servers.paths import CACHE
from benchmarks.servers.recipes import Recipe

# A server under valgrind is some fifty times slower.
START_SECONDS = 180.0
PUBLICATIONS = 40
IN_FLIGHT = 20
# Neither a ping falls into what is counted nor, often, a look of the monitor: under valgrind a delivery takes so long
# that they would count for fifty times their share. `monitor_cost` measures the monitor.
PING_SECONDS = 3600.0
MONITOR_SECONDS = 60.0
# What the server still does after the last delivery arrived.
QUIET_SECONDS = 0.3
# The number of connections that the figures stand for.
STANDS_FOR = 10_000


class Counter:
    """A server under callgrind whose instructions are read from outside."""

    def __init__(self, server: ServerProcess, stem: Path):
        """Take over a server that has not started; `stem` is where valgrind writes."""
        for left in stem.parent.glob(f"{stem.name}.*"):
            left.unlink()
        valgrind = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={stem}"]
        # The same order in every dictionary and set of both sides.
        environ = {**server.environ, "PYTHONHASHSEED": "0"}
        self.server = replace(server, argv=[*valgrind, *server.argv], environ=environ, start_seconds=START_SECONDS)
        self._stem = stem
        self._dumps = 0

    def read(self) -> int:
        """Return the instructions since the last reading.

        Raises:
            BenchmarkError: valgrind did not tell.
        """
        ask = ["callgrind_control", "--dump", str(self.server.pid)]
        done = subprocess.run(ask, capture_output=True, text=True, check=False)
        self._dumps += 1
        path = self._stem.with_name(f"{self._stem.name}.{self._dumps}")
        deadline = time.monotonic() + 10.0
        while time.monotonic() < deadline:
            found = re.search(r"^totals: (\d+)", path.read_text(), re.MULTILINE) if path.is_file() else None
            if found:
                return int(found[1])
            time.sleep(0.05)
        raise BenchmarkError(f"expected {path.name} from valgrind, came {done.stderr or done.stdout}")


def count_side_by_side(plan: Plan, suite: Suite, recipes: list[Recipe]) -> Iterator[Sample]:
    """Count for each server; they start at the same time, since the time does not matter.

    Raises:
        BenchmarkError: valgrind is missing, or a count could not be made.
    """
    need_program("valgrind", "valgrind")
    quiet = replace(plan, ping_seconds=PING_SECONDS, monitor_seconds=MONITOR_SECONDS)
    counters = [Counter(recipe.server(quiet), CACHE / f"callgrind-{recipe.name}") for recipe in recipes]
    try:
        for index, counter in enumerate(counters):
            counter.server.launch((SERVER_CORE, CLIENT_CORE)[index % 2])
        for recipe, counter in zip(recipes, counters, strict=True):
            counter.server.wait_started()
            values = _count(quiet, suite, recipe, counter)
            yield Sample(suite.name, recipe.name, STANDS_FOR, 0, values)
    finally:
        for counter in counters:
            counter.server.stop()


def scaled(sizes: tuple[int, int], counted: tuple[float, float], size: int) -> float:
    """Return a delivery's share at `size` connections of what a publication costs, counted at two other numbers."""
    for_each = (counted[1] - counted[0]) / (sizes[1] - sizes[0])
    return for_each + (counted[0] - for_each * sizes[0]) / size


def _count(plan: Plan, suite: Suite, recipe: Recipe, counter: Counter) -> dict[str, float]:
    small, large = suite.sizes
    client = recipe.connect(counter.server.port)
    try:
        counted = []
        for size in (small, large):
            client.open(size - client.live, IN_FLIGHT)
            counted.append(_count_publications(Bench(counter.server, client, plan, suite, size), counter))
    finally:
        client.close()
    paced, batched = zip(*counted, strict=True)
    return {
        "paced_instructions": scaled((small, large), paced, STANDS_FOR),
        "batch_instructions": scaled((small, large), batched, STANDS_FOR),
    }


def _count_publications(bench: Bench, counter: Counter) -> tuple[float, float]:
    """Return what a publication costs alone and among others in one call, with all its deliveries."""
    _publish(bench, 1)
    _publish(bench, bench.plan.batch_size)
    counter.read()
    _publish(bench, 1)
    alone = counter.read()
    _publish(bench, bench.plan.batch_size)
    return alone / PUBLICATIONS, counter.read() / PUBLICATIONS / bench.plan.batch_size


def _publish(bench: Bench, at_once: int) -> None:
    """Publish one by one, or `at_once` in a call, and wait for all deliveries each time."""
    bench.client.deliveries = 0
    with bench.publisher() as publisher:
        for number in range(1, PUBLICATIONS + 1):
            publisher.publish() if at_once == 1 else publisher.batch(at_once)
            bench.wait_delivered(number * at_once * bench.size)
    bench.client.pump_for(QUIET_SECONDS)
