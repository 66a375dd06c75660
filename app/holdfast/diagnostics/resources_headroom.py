"""How many connections each limit allows, and which of them comes first. Pure.

A connection takes one descriptor, memory of the process and of the kernel, and an entry of conntrack where that is on.
What a busy connection takes of CPU and of buffers depends on the traffic: those rows are estimates and say so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from holdfast.diagnostics.resources_facts import Facts, Rates
from holdfast.settings import Settings

# docs/performance.md: resident memory of an open, idle connection.
DEFAULT_CONNECTION_BYTES = 2.62 * 1024
# The kernel's socket, its inode, file, dentry and epoll entry: slab grew by 3.9 KiB for each of 8,000 idle sockets
# (Linux 6, x86-64). They count in a cgroup of version 2. Buffers come on top as soon as data waits.
KERNEL_CONNECTION_BYTES = 4096.0
# From so many connections on, what the process has grown by says more than the benchmark.
_MEASURABLE_CONNECTIONS = 500
_MEASURABLE_CORES = 0.02
# One page of buffer each: what connections with a message in flight take of net.ipv4.tcp_mem.
_BUFFER_BYTES = 4096
# What a Python process can use of CPU: one core, whatever the machine has.
_CORES = 1.0
_ENDLESS = 1 << 53


class Cost(NamedTuple):
    """Memory of a connection in bytes, of the process and of the kernel, and where the figure comes from."""

    process_bytes: float
    kernel_bytes: float
    source: str

    @property
    def total(self) -> float:
        """Both together."""
        return self.process_bytes + self.kernel_bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One limit: how many connections it allows in all, and more than there are; `setting` is what to change."""

    limit: str
    allows: int
    more: int
    evidence: str
    setting: str
    is_estimate: bool = False
    per_proxy: bool = False


def connection_cost(facts: Facts, connections: int, baseline_bytes: int | None) -> Cost:
    """Return what a connection costs in memory: measured where there are enough, else the benchmark's figure."""
    rss = facts.process.rss_bytes
    if rss is not None and baseline_bytes is not None and connections >= _MEASURABLE_CONNECTIONS:
        measured = (rss - baseline_bytes) / connections
        if measured > 0:
            source = f"measured: {size_text(rss - baseline_bytes)} grown since the start, {connections:,} connections"
            return Cost(measured, KERNEL_CONNECTION_BYTES, source)
    source = f"the benchmark's, of idle connections (fewer than {_MEASURABLE_CONNECTIONS} to measure)"
    return Cost(DEFAULT_CONNECTION_BYTES, KERNEL_CONNECTION_BYTES, source)


def headroom(facts: Facts, use: Rates | None, connections: int, cost: Cost, settings: Settings) -> list[Row]:
    """Return a row for each limit that is known, the tightest first."""
    rows = [
        *_configured(connections, settings),
        *_descriptors(facts, connections),
        *_memory(facts, connections, cost, settings.monitor.memory_limit),
        *_kernel(facts, connections),
        *_cpu(facts, use, connections),
    ]
    return sorted(rows, key=lambda row: (row.per_proxy, row.allows))


def _configured(connections: int, settings: Settings) -> Iterator[Row]:
    most = settings.admission.max_connections
    yield _row(
        "max_connections", connections, most - connections, f"{connections:,} of {most:,}", "admission.max_connections"
    )


def _descriptors(facts: Facts, connections: int) -> Iterator[Row]:
    limit, used = facts.process.open_files, facts.process.descriptors
    if limit is not None and used is not None and 0 <= limit.soft < _ENDLESS:
        setting = "LimitNOFILE of the service, or ulimit -n"
        yield _row("descriptors", connections, limit.soft - used, f"{used:,} of {limit.soft:,} in use", setting)
    if facts.host.files is not None and facts.host.files[1] < _ENDLESS:
        taken, most = facts.host.files
        yield _row("system_files", connections, most - taken, f"{taken:,} of {most:,} in use", "sysctl fs.file-max")


def _memory(facts: Facts, connections: int, cost: Cost, configured: int) -> Iterator[Row]:
    group, host, resident = facts.cgroup, facts.host, facts.process.rss_bytes
    each = f"{size_text(cost.process_bytes)} + {size_text(cost.kernel_bytes)} of the kernel a connection"
    if configured and resident is not None:
        more = (configured - resident) / cost.process_bytes
        evidence = f"{size_text(resident)} of {size_text(configured)} resident"
        yield _row("memory_limit", connections, more, evidence, "monitor.memory_limit")
    if group.memory_limit is not None and group.memory_used is not None:
        free = group.memory_limit - group.memory_used
        evidence = f"{size_text(group.memory_used)} of {size_text(group.memory_limit)}; {each}"
        yield _row(
            "cgroup_memory", connections, free / cost.total, evidence, "the memory limit (MemoryMax, limits.memory)"
        )
    if host.memory_available is not None:
        evidence = f"{size_text(host.memory_available)} available; {each}"
        yield _row("host_memory", connections, host.memory_available / cost.total, evidence, "more memory")


def _kernel(facts: Facts, connections: int) -> Iterator[Row]:
    network = facts.network
    if network.tcp_memory is not None and network.tcp_memory_used is not None:
        most = network.tcp_memory[2]
        evidence = f"{size_text(network.tcp_memory_used)} of {size_text(most)}; a page each while data is on its way"
        more = (most - network.tcp_memory_used) / _BUFFER_BYTES
        yield _row("tcp_mem", connections, more, evidence, "sysctl net.ipv4.tcp_mem", is_estimate=True)
    if network.conntrack is not None:
        count, most = network.conntrack
        # Where no rule needs it the table stays empty however many connections there are.
        if count:
            setting = "sysctl net.netfilter.nf_conntrack_max"
            yield _row("conntrack", connections, most - count, f"{count:,} of {most:,} entries", setting)
    if network.port_range is not None:
        low, high = network.port_range
        ports = high - low + 1
        evidence = f"{low}-{high}: from one address of a proxy here to one address and port behind it"
        yield Row("port_range", ports, ports, evidence, "sysctl net.ipv4.ip_local_port_range", per_proxy=True)


def _cpu(facts: Facts, use: Rates | None, connections: int) -> Iterator[Row]:
    cores = None if use is None else use.cpu_cores
    if cores is None or cores < _MEASURABLE_CORES or connections < _MEASURABLE_CONNECTIONS:
        return
    have = min(_CORES, facts.cgroup.cpu_cores or _CORES)
    more = max(0.0, have - cores) * connections / cores
    evidence = f"{cores:.2f} of {have:g} core by {connections:,} connections at their present rate"
    yield _row("cpu", connections, more, evidence, "more instances", is_estimate=True)


def _row(limit: str, connections: int, more: float, evidence: str, setting: str, *, is_estimate: bool = False) -> Row:
    left = max(0, int(more))
    return Row(limit, connections + left, left, evidence, setting, is_estimate)


def size_text(count: float) -> str:
    """Return a number of bytes for people."""
    if abs(count) < 1024:
        return f"{count:.0f} bytes"
    for unit in ("KiB", "MiB"):
        count /= 1024
        if abs(count) < 1024:
            return f"{count:.1f} {unit}"
    return f"{count / 1024:.1f} GiB"
