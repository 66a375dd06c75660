"""One look at everything that can run out, and at what passes through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from holdfast.monitoring import proc_net
from holdfast.monitoring.accept_queue import Listening, accept_queue
from holdfast.monitoring.memory_limit import memory_limit
from holdfast.monitoring.proc_files import ROOT
from holdfast.monitoring.proc_net import ListenLosses, Traffic
from holdfast.monitoring.proc_self import Descriptors, descriptor_limit, resident_bytes

# Limits of the kernel hardly ever change, and finding them takes longer than everything else.
_LIMITS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a resource is used, and how much there is."""

    used: float
    limit: float | None = None
    source: str = ""
    """Whose limit it is, where there may be several."""

    @property
    def ratio(self) -> float | None:
        """The part that is used."""
        return self.used / self.limit if self.limit else None


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured; what the machine does not tell is absent."""

    usages: Mapping[str, Usage]
    flows: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Inside:
    """What the gateway itself knows; `loop_lag` is in seconds."""

    connections: Callable[[], int]
    connection_limit: int
    congested: Callable[[], int]
    queue_bytes: Callable[[], int]
    loop_lag: Callable[[], float | None]
    listeners: Callable[[], Iterable[Listening]] = tuple


class Sampler:
    """Takes samples.

    Args:
        inside: what the gateway knows.
        configured_memory: `monitor.memory_limit`.
        clock: monotonic seconds.
        root: for tests, instead of the machine's files.
        cpu_clock: seconds of CPU time that the process has used.
    """

    def __init__(
        self,
        inside: Inside,
        configured_memory: int,
        clock: Callable[[], float],
        root: Path = ROOT,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._inside = inside
        self._configured_memory = configured_memory
        self._clock = clock
        self._root = root
        self._cpu_clock = cpu_clock
        self._descriptors = Descriptors(inside.connections, root)
        self._limits: dict[str, tuple[float, str]] = {}
        self._limits_due = float("-inf")
        self._at = clock()
        self._cpu = cpu_clock()
        self._traffic = proc_net.traffic(root)
        self._first_losses = self._losses = proc_net.listen_losses(root)

    @property
    def lost(self) -> ListenLosses | None:
        """What listeners of the host lost since the start."""
        if self._losses is None or self._first_losses is None:
            return None
        first = self._first_losses
        return ListenLosses(self._losses.overflows - first.overflows, self._losses.drops - first.drops)

    def take(self) -> Sample:
        """Measure now."""
        now = self._clock()
        if now >= self._limits_due:
            self._limits_due = now + _LIMITS_SECONDS
            self._limits = self._read_limits()
        elapsed, self._at = max(now - self._at, 1e-6), now
        return Sample(self._usages(elapsed), self._flows(elapsed))

    # Private methods

    def _read_limits(self) -> dict[str, tuple[float, str]]:
        memory = memory_limit(self._configured_memory, self._root)
        found = {
            "memory": (memory.limit_bytes, memory.source) if memory is not None else None,
            "socket_memory": (limit, "tcp_mem") if (limit := proc_net.socket_memory_limit(self._root)) else None,
            "conntrack": (limit, "nf_conntrack_max") if (limit := proc_net.conntrack_limit(self._root)) else None,
        }
        return {name: limit for name, limit in found.items() if limit is not None}

    def _usages(self, elapsed: float) -> dict[str, Usage]:
        inside, root = self._inside, self._root
        cpu_before, self._cpu = self._cpu, self._cpu_clock()
        used = {
            "memory": resident_bytes(root),
            "socket_memory": proc_net.socket_memory(root),
            "conntrack": proc_net.conntrack_count(root),
        }
        usages = {
            name: Usage(amount, *self._limits.get(name, (None, "")))
            for name, amount in used.items()
            if amount is not None
        }
        if (count := self._descriptors.count()) is not None:
            usages["descriptors"] = Usage(count, descriptor_limit(), "rlimit")
        usages["cpu"] = Usage((self._cpu - cpu_before) / elapsed, 1.0, "one core")
        usages["connections"] = Usage(inside.connections(), inside.connection_limit, "admission.max_connections")
        if (lag := inside.loop_lag()) is not None:
            usages["loop_lag"] = Usage(lag)
        if (queue := accept_queue(inside.listeners())) is not None:
            usages["accept_queue"] = Usage(queue.length, queue.limit, "backlog")
        return usages

    def _flows(self, elapsed: float) -> dict[str, float]:
        traffic_before, losses_before = self._traffic, self._losses
        self._traffic, self._losses = proc_net.traffic(self._root), proc_net.listen_losses(self._root)
        return {
            "queue_bytes": self._inside.queue_bytes(),
            "congested_connections": self._inside.congested(),
            **_rates(Traffic._fields, "_bytes_per_second", traffic_before, self._traffic, elapsed),
            **_rates(ListenLosses._fields, "_per_second", losses_before, self._losses, elapsed),
        }


def _rates(
    names: tuple[str, ...], unit: str, before: tuple[int, ...] | None, after: tuple[int, ...] | None, elapsed: float
) -> dict[str, float]:
    """Return how fast counters went; none where they cannot be read."""
    if before is None or after is None:
        return {}
    return {f"{name}{unit}": max(0, new - old) / elapsed for name, old, new in zip(names, before, after, strict=True)}
