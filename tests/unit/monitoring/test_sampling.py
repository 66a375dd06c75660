from __future__ import annotations

from pathlib import Path

import pytest

from holdfast.monitoring.sampling import Inside, Sampler, Usage
from tests.brokers import Clock
from tests.unit.monitoring.conftest import Write

INSIDE = Inside(
    connections=lambda: 3,
    connection_limit=10,
    congested=lambda: 1,
    queue_bytes=lambda: 70_000,
    loop_lag=lambda: 0.002,
)


def machine(write: Write, *, received: int = 0, overflows: int = 0) -> None:
    """Write what a kernel tells."""
    write("proc/self/statm", "500 100 0\n")
    write("proc/self/cgroup", "0::/\n")
    write("sys/fs/cgroup/memory.max", "4096000\n")
    write("proc/net/dev", f"\n\neth0: {received} 0 0 0 0 0 0 0 5 0 0 0 0 0 0 0\n")
    write("proc/net/netstat", f"TcpExt: ListenOverflows ListenDrops\nTcpExt: {overflows} {overflows}\n")


def test_sample_has_usages_with_their_limits(tmp_path: Path, write: Write, clock: Clock) -> None:
    """What the machine does not tell is absent."""
    machine(write)
    sample = Sampler(INSIDE, 0, clock, tmp_path).take()

    assert sample.usages["memory"].limit == 4096000
    assert sample.usages["memory"].source == "cgroup"
    assert sample.usages["connections"].ratio == 0.3
    assert sample.usages["loop_lag"].used == 0.002
    assert "conntrack" not in sample.usages
    assert "accept_queue" not in sample.usages
    assert (sample.flows["queue_bytes"], sample.flows["congested_connections"]) == (70_000, 1)


def test_rates_are_over_the_time_that_passed(tmp_path: Path, write: Write, clock: Clock) -> None:
    """However late the look is; CPU is in cores."""
    machine(write)
    spent = Clock(1.0)
    sampler = Sampler(INSIDE, 0, clock, tmp_path, spent)
    machine(write, received=4000, overflows=6)
    clock.advance(2.0)
    spent.advance(1.0)
    sample = sampler.take()

    assert sample.usages["cpu"].used == 0.5
    assert sample.flows["received_bytes_per_second"] == 2000
    assert sample.flows["overflows_per_second"] == 3
    assert sampler.lost == (6, 6)


def test_counter_that_went_back_is_no_negative_rate(tmp_path: Path, write: Write, clock: Clock) -> None:
    """An interface may go away with its bytes."""
    machine(write, received=4000)
    sampler = Sampler(INSIDE, 0, clock, tmp_path)
    machine(write, received=10)
    clock.advance(1.0)

    assert sampler.take().flows["received_bytes_per_second"] == 0


def test_limits_are_read_now_and_then(tmp_path: Path, write: Write, clock: Clock) -> None:
    """A changed one is seen within ten seconds."""
    machine(write)
    sampler = Sampler(INSIDE, 0, clock, tmp_path)
    sampler.take()
    write("sys/fs/cgroup/memory.max", "8192000\n")
    clock.advance(9.0)
    assert sampler.take().usages["memory"].limit == 4096000
    clock.advance(1.0)
    assert sampler.take().usages["memory"].limit == 8192000


def test_machine_without_proc_tells_what_it_can(tmp_path: Path, clock: Clock) -> None:
    """CPU and what the gateway knows itself are left."""
    sampler = Sampler(INSIDE, 0, clock, tmp_path)

    assert set(sampler.take().usages) == {"cpu", "connections", "loop_lag"}
    assert sampler.lost is None


@pytest.mark.parametrize(("limit", "ratio"), [(4.0, 0.5), (None, None), (0.0, None)])
def test_ratio_needs_a_limit(limit: float | None, ratio: float | None) -> None:
    """Nothing is divided by nothing."""
    assert Usage(2.0, limit).ratio == ratio
