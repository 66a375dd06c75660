"""Tests of holdfast.diagnostics.resources_facts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from holdfast.diagnostics.resources_facts import Facts, Rates, Sources, rates, read_counters, read_facts
from holdfast.diagnostics.resources_listeners import Listener
from holdfast.diagnostics.resources_proc import NetworkFacts, ProcessFacts
from tests.unit.diagnostics.machines import machine


def test_facts_are_those_of_the_process(tmp_path: Path) -> None:
    """Of all listeners of the machine only the process's own count."""
    listeners = [Listener(111, 8000, 128, 0), Listener(999, 22, 128, 0)]
    found = read_facts(7, 5.0, Sources(machine(tmp_path), lambda: listeners))

    assert (found.at, found.process.pid, found.listeners) == (5.0, 7, (listeners[0],))
    assert found.cgroup.memory_limit == 104857600
    assert found.network.somaxconn == 128
    assert found.host.nr_open == 1048576


def test_counters_are_read_without_descriptors(tmp_path: Path) -> None:
    """What rates are made of, and no more."""
    found = read_counters(7, 5.0, Sources(machine(tmp_path), list))

    assert found.process == ProcessFacts(7, cpu_seconds=found.process.cpu_seconds)
    assert found.process.cpu_seconds is not None
    assert found.network.received_bytes == 1000


def test_rates_are_differences_over_time() -> None:
    """Cores, and bytes a second."""
    before = Facts(1.0, ProcessFacts(7, cpu_seconds=1.0), NetworkFacts(received_bytes=100, sent_bytes=0))
    after = Facts(3.0, ProcessFacts(7, cpu_seconds=2.0), NetworkFacts(received_bytes=300, sent_bytes=50))

    assert rates(before, after) == Rates(2.0, 0.5, 100.0, 25.0)


def test_rates_of_what_is_unknown_are_unknown() -> None:
    """No clock moved, no numbers, or a counter that began anew."""
    some = Facts(1.0, ProcessFacts(7, cpu_seconds=1.0))

    assert rates(some, some) == Rates(0.0, None, None, None)
    assert rates(some, replace(some, at=2.0, process=ProcessFacts(7, cpu_seconds=0.5))).cpu_cores == 0.0
