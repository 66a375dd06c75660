"""Tests of holdfast.diagnostics.resources_headroom."""

from __future__ import annotations

from holdfast.diagnostics.resources_facts import Facts, Rates
from holdfast.diagnostics.resources_headroom import (
    DEFAULT_CONNECTION_BYTES,
    KERNEL_CONNECTION_BYTES,
    Cost,
    Row,
    connection_cost,
    headroom,
    size_text,
)
from holdfast.diagnostics.resources_proc import HostFacts, Limit, NetworkFacts, ProcessFacts
from holdfast.monitoring.cgroup import CgroupFacts
from holdfast.settings import Settings

SETTINGS = Settings()
COST = Cost(3000.0, 1000.0, "given")


def rows(facts: Facts, use: Rates | None = None, connections: int = 0) -> dict[str, Row]:
    """Return the rows by limit."""
    return {row.limit: row for row in headroom(facts, use, connections, COST, SETTINGS)}


def test_each_limit_has_a_row() -> None:
    """What is used is taken off, and what there is counts in."""
    facts = Facts(
        process=ProcessFacts(7, open_files=Limit(1024, 4096), descriptors=124),
        host=HostFacts(files=(900, 1900), memory_available=4_000_000),
        cgroup=CgroupFacts(2, memory_limit=1_000_000, memory_used=600_000),
        network=NetworkFacts(
            tcp_memory=(0, 0, 8_192_000), tcp_memory_used=0, conntrack=(100, 1000), port_range=(1024, 2023)
        ),
    )
    found = rows(facts, connections=100)

    assert {name: (row.allows, row.more) for name, row in found.items()} == {
        "max_connections": (10000, 9900),
        "descriptors": (1000, 900),
        "system_files": (1100, 1000),
        "cgroup_memory": (200, 100),
        "host_memory": (1100, 1000),
        "tcp_mem": (2100, 2000),
        "conntrack": (1000, 900),
        "port_range": (1000, 1000),
    }


def test_the_tightest_comes_first_and_proxies_last() -> None:
    """The first row is the limit that is reached first; ports are a proxy's matter."""
    facts = Facts(
        process=ProcessFacts(7, open_files=Limit(1024, 4096), descriptors=24),
        network=NetworkFacts(port_range=(1, 10)),
    )

    order = [row.limit for row in headroom(facts, None, 0, COST, SETTINGS)]

    assert order == ["descriptors", "max_connections", "port_range"]


def test_unlimited_and_unknown_have_no_row() -> None:
    """No limit allows no number; an empty conntrack table is not in the way."""
    facts = Facts(
        process=ProcessFacts(7, open_files=Limit(-1, -1), descriptors=5),
        host=HostFacts(files=(1, 2**63 - 1)),
        network=NetworkFacts(conntrack=(0, 1000)),
    )

    assert set(rows(facts)) == {"max_connections"}


def test_configured_memory_is_a_limit() -> None:
    """The monitor's own limit counts the process's memory alone."""
    facts = Facts(process=ProcessFacts(7, rss_bytes=70_000_000))
    settings = Settings.model_validate({"monitor": {"memory_limit": 100_000_000}})
    found = {row.limit: row.more for row in headroom(facts, None, 0, COST, settings)}

    assert found["memory_limit"] == 10_000


def test_cpu_is_estimated_where_there_is_load() -> None:
    """Half a core by a thousand connections leaves room for another thousand."""
    use = Rates(1.0, 0.5, None, None)

    assert rows(Facts(), use, 1000)["cpu"].more == 1000
    assert rows(Facts(cgroup=CgroupFacts(2, cpu_cores=0.75)), use, 1000)["cpu"].more == 500
    assert "cpu" not in rows(Facts(), use, 10)
    assert "cpu" not in rows(Facts(), Rates(1.0, 0.001, None, None), 1000)


def test_cost_is_measured_where_there_are_enough_connections() -> None:
    """Growth since the start over connections, else the benchmark's figure."""
    facts = Facts(process=ProcessFacts(7, rss_bytes=20_000_000))

    assert connection_cost(facts, 1000, 10_000_000).process_bytes == 10_000
    assert "measured" in connection_cost(facts, 1000, 10_000_000).source
    for connections, baseline in ((10, 10_000_000), (1000, None), (1000, 30_000_000)):
        cost = connection_cost(facts, connections, baseline)
        assert cost.process_bytes == DEFAULT_CONNECTION_BYTES
        assert cost.total == DEFAULT_CONNECTION_BYTES + KERNEL_CONNECTION_BYTES


def test_sizes_are_for_people() -> None:
    """Each in its unit."""
    assert [size_text(number) for number in (0, 1023, 2048, 3 << 20, 5 << 30)] == [
        "0 bytes",
        "1023 bytes",
        "2.0 KiB",
        "3.0 MiB",
        "5.0 GiB",
    ]
