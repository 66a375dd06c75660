"""What is known of an instance's resources at one moment, and of two moments: rates.

Reading touches files and a netlink socket and takes milliseconds with ten thousand descriptors open: off the loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from holdfast.diagnostics.resources_listeners import Listener, read_listeners
from holdfast.diagnostics.resources_proc import HostFacts, NetworkFacts, Proc, ProcessFacts
from holdfast.monitoring.cgroup import CgroupFacts, read_cgroup


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it at a moment, in monotonic seconds. `listeners` are those of the process itself."""

    at: float = 0.0
    process: ProcessFacts = field(default_factory=lambda: ProcessFacts(0))
    network: NetworkFacts = field(default_factory=NetworkFacts)
    host: HostFacts = field(default_factory=HostFacts)
    cgroup: CgroupFacts = field(default_factory=CgroupFacts)
    listeners: tuple[Listener, ...] = ()


class Rates(NamedTuple):
    """What happened between two moments: cores used, and bytes a second of the machine's network."""

    seconds: float
    cpu_cores: float | None
    received_bytes: float | None
    sent_bytes: float | None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where facts are read; tests put a folder of their own."""

    root: Path = Path("/")
    listeners: Callable[[], list[Listener]] = read_listeners


def read_facts(pid: int, now: float, sources: Sources) -> Facts:
    """Read everything of a process and its surroundings; nothing raises, what is not there is None.

    Network facts are those of this process's namespace, which another process need not share.
    """
    proc = Proc(sources.root)
    process = proc.process(pid)
    listeners = tuple(one for one in sources.listeners() if one.inode in process.inodes)
    return Facts(now, process, proc.network(), proc.host(), read_cgroup(pid, sources.root), listeners)


def read_counters(pid: int, now: float, sources: Sources) -> Facts:
    """Read what rates are made of alone, which is cheap however many descriptors are open."""
    proc = Proc(sources.root)
    return Facts(now, ProcessFacts(pid, cpu_seconds=proc.cpu_seconds(pid)), proc.network())


def rates(before: Facts, after: Facts) -> Rates:
    """Return what happened between two readings."""
    seconds = after.at - before.at

    def rate(first: float | None, second: float | None) -> float | None:
        if first is None or second is None or seconds <= 0:
            return None
        return max(0.0, second - first) / seconds

    return Rates(
        seconds,
        rate(before.process.cpu_seconds, after.process.cpu_seconds),
        rate(before.network.received_bytes, after.network.received_bytes),
        rate(before.network.sent_bytes, after.network.sent_bytes),
    )
