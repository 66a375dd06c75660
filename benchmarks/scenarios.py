"""The measurements of one server at one number of connections, in the order they are taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.load.client import LoadClient
from benchmarks.load.publisher import Publisher
from benchmarks.plan import Plan
from benchmarks.process import BenchmarkError, ServerProcess
from benchmarks.stats import per

WARM_LINKS = 200
WARM_PUBLICATIONS = 5
DELIVERY_SECONDS = 120.0
# After the last delivery arrived, what the server still does for it is waited for and counted.
QUIET_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Bench:
    """A running server, the load client on it, and the plan they follow."""

    server: ServerProcess
    client: LoadClient
    plan: Plan
    size: int


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
    return values


def _warm_up(bench: Bench) -> None:
    bench.client.open(WARM_LINKS)
    with Publisher(bench.client) as publisher:
        for _ in range(WARM_PUBLICATIONS):
            publisher.publish()
        publisher.batch(WARM_PUBLICATIONS)
    bench.client.pump_for(QUIET_SECONDS)
    bench.client.close()
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
    amount = bench.plan.deliveries(bench.size)
    with Publisher(bench.client) as publisher:
        return {
            "paced_us": _cpu(bench, amount.paced, lambda: _pace(bench, publisher)),
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
    amount = bench.plan.deliveries(bench.size)
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
    deadline = time.monotonic() + DELIVERY_SECONDS
    while bench.client.deliveries < expected:
        bench.client.pump(1.0)
        if time.monotonic() > deadline:
            raise BenchmarkError(f"expected {expected} deliveries, came {bench.client.deliveries}")
    bench.client.pump_for(QUIET_SECONDS)
    if bench.client.deliveries != expected:
        raise BenchmarkError(f"expected {expected} deliveries, came {bench.client.deliveries}")
    return per(bench.server.cpu_seconds() - start, expected)
