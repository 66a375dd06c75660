"""The measurements of one server at one number of connections, in the order they are taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import count

from benchmarks.load.client import LoadClient
from benchmarks.load.publisher import Publisher
from benchmarks.plan import Plan, Suite
from benchmarks.process import BenchmarkError, ServerProcess
from benchmarks.stats import per

WARM_LINKS = 200
WARM_PUBLICATIONS = 5
DELIVERY_SECONDS = 120.0
# After the last delivery arrived, what the server still does for it is waited for and counted.
QUIET_SECONDS = 0.1
# Below this, what a connection costs is lost in what the process costs.
FEWEST_FOR_A_SHARE = 100
SHARES = ("handshake_us", "memory_kib", "memory_after_kib", "idle_us")


class Bench:
    """A running server, the load client on it, and the plan they follow."""

    def __init__(self, server: ServerProcess, client: LoadClient, plan: Plan, suite: Suite, size: int):
        """Measure `server` at `size` connections."""
        self.server = server
        self.client = client
        self.plan = plan
        self.amount = suite.deliveries(size)
        self.size = size
        self._payloads: Iterator[Mapping[str, object]] = map(suite.payload, count(1))

    def publisher(self) -> Publisher:
        """Return a publisher that goes on where the one before stopped."""
        return Publisher(self.client, self._payloads)

    def wait_delivered(self, expected: int) -> None:
        """Return once the client has got `expected` deliveries.

        Raises:
            BenchmarkError: they did not all come, or more of them.
        """
        deadline = time.monotonic() + DELIVERY_SECONDS
        while self.client.deliveries < expected and time.monotonic() < deadline:
            self.client.pump(1.0)
        if self.client.deliveries != expected:
            raise BenchmarkError(f"expected {expected} deliveries, came {self.client.deliveries}")


def measure(bench: Bench, with_idle: bool) -> dict[str, float]:
    """Take every measurement and return them by metric name."""
    _warm_up(bench)
    before = bench.server.resident_bytes()
    values = {"handshake_us": _handshake(bench)}
    bench.client.pump_for(bench.plan.settle_seconds)
    values["memory_kib"] = _grown_kib(bench, before)
    if with_idle:
        values["idle_us"] = _idle(bench)
    values.update(_deliveries(bench))
    values["memory_after_kib"] = _grown_kib(bench, before)
    if bench.size < FEWEST_FOR_A_SHARE:
        return {name: value for name, value in values.items() if name not in SHARES}
    return values


def _warm_up(bench: Bench) -> None:
    bench.client.open(WARM_LINKS)
    with bench.publisher() as publisher:
        for _ in range(WARM_PUBLICATIONS):
            publisher.publish()
        publisher.batch(WARM_PUBLICATIONS)
    bench.client.pump_for(QUIET_SECONDS)
    bench.client.leave()
    bench.client.pump_for(bench.plan.settle_seconds)


def _grown_kib(bench: Bench, before: int) -> float:
    return (bench.server.resident_bytes() - before) / bench.size / 1024


def _handshake(bench: Bench) -> float:
    start = bench.server.cpu_seconds()
    bench.client.open(bench.size)
    bench.client.pump_for(QUIET_SECONDS)
    return per(bench.server.cpu_seconds() - start, bench.size)


def _idle(bench: Bench) -> float:
    bench.client.pings = 0
    start, began = bench.server.cpu_seconds(), time.monotonic()
    bench.client.pump_for(bench.plan.idle_seconds)
    spent, seconds = bench.server.cpu_seconds() - start, time.monotonic() - began
    expected = bench.size * bench.plan.idle_seconds / bench.plan.ping_seconds
    if not 0.8 * expected <= bench.client.pings <= 1.2 * expected:
        raise BenchmarkError(f"expected about {expected:.0f} pings, came {bench.client.pings}")
    return per(spent, bench.size) * 60.0 / seconds


def _deliveries(bench: Bench) -> dict[str, float]:
    amount = bench.amount
    with bench.publisher() as publisher:
        # A subscriber that asked for deltas gets its first publication whole.
        _cpu(bench, 1, publisher.publish)
        received = bench.client.received_bytes
        paced = _cpu(bench, amount.paced, lambda: _pace(bench, publisher))
        sent = bench.client.received_bytes - received
        return {
            "paced_us": paced,
            "sent_bytes": sent / (amount.paced * bench.size),
            "batch_us": _cpu(
                bench,
                amount.batches * bench.plan.batch_size,
                lambda: _repeat(amount.batches, lambda: publisher.batch(bench.plan.batch_size)),
            ),
            "single_us": _cpu(bench, amount.singles, lambda: _repeat(amount.singles, publisher.publish)),
        }


def _repeat(count: int, action: Callable[[], None]) -> None:
    for _ in range(count):
        action()


def _pace(bench: Bench, publisher: Publisher) -> None:
    amount = bench.amount
    due = time.monotonic()
    for _ in range(amount.paced):
        publisher.publish()
        due += amount.paced_interval_seconds
        bench.client.pump_for(max(0.0, due - time.monotonic()))


def _cpu(bench: Bench, publications: int, action: Callable[[], None]) -> float:
    """Return the CPU per delivery of `action`, in us, once every delivery has arrived."""
    expected = publications * bench.size
    bench.client.deliveries = 0
    start = bench.server.cpu_seconds()
    action()
    bench.wait_delivered(expected)
    bench.client.pump_for(QUIET_SECONDS)
    bench.wait_delivered(expected)
    return per(bench.server.cpu_seconds() - start, expected)
