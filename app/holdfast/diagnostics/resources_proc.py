"""Reads /proc: what the kernel says of a process and of its network namespace. A number that is not there is None.

Only numbers and names of limits are read, never arguments, environments or addresses.
"""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from holdfast.monitoring import proc_net
from holdfast.monitoring.proc_files import ROOT, read, read_number, read_numbers

UNLIMITED = -1
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Limit(NamedTuple):
    """A limit of a process, soft and hard; -1 is none."""

    soft: int
    hard: int


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """One process at a moment; `cpu_seconds` are spent since its start, `inodes` are its open sockets'."""

    pid: int
    open_files: Limit | None = None
    descriptors: int | None = None
    rss_bytes: int | None = None
    threads: int | None = None
    cpu_seconds: float | None = None
    inodes: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """The kernel's network: limits, and what is used; memory is in bytes."""

    somaxconn: int | None = None
    syn_backlog: int | None = None
    port_range: tuple[int, int] | None = None
    tcp_memory: tuple[int, int, int] | None = None
    tcp_memory_used: int | None = None
    conntrack: tuple[int, int] | None = None
    listen_overflows: int | None = None
    listen_drops: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The machine."""

    files: tuple[int, int] | None = None
    nr_open: int | None = None
    memory_total: int | None = None
    memory_available: int | None = None
    cpus: int | None = None
    load: float | None = None


class Proc:
    """The files under /proc; `root` is another folder than / in tests."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root

    # Public methods.

    def process(self, pid: int) -> ProcessFacts:
        """Read a process; of another user's without rights, fewer numbers are there."""
        status = _table(self._text(f"{pid}/status"))
        inodes, count = _descriptors(self._root / "proc" / str(pid) / "fd")
        return ProcessFacts(
            pid=pid,
            open_files=_open_files(self._text(f"{pid}/limits")),
            descriptors=count,
            rss_bytes=_kilobytes(status.get("VmRSS")),
            threads=_number(status.get("Threads")),
            cpu_seconds=self.cpu_seconds(pid),
            inodes=inodes,
        )

    def cpu_seconds(self, pid: int) -> float | None:
        """Read the CPU time that a process has spent."""
        return _cpu_seconds(self._text(f"{pid}/stat"))

    def network(self) -> NetworkFacts:
        """Read the network namespace of this process."""
        ports, pages = self._numbers("sys/net/ipv4/ip_local_port_range"), self._numbers("sys/net/ipv4/tcp_mem")
        count, most = proc_net.conntrack_count(self._root), proc_net.conntrack_limit(self._root)
        losses, traffic = proc_net.listen_losses(self._root), proc_net.traffic(self._root)
        return NetworkFacts(
            somaxconn=self._first("sys/net/core/somaxconn"),
            syn_backlog=self._first("sys/net/ipv4/tcp_max_syn_backlog"),
            port_range=(ports[0], ports[1]) if len(ports) == 2 else None,
            tcp_memory=_bytes(pages) if len(pages) == 3 else None,
            tcp_memory_used=proc_net.socket_memory(self._root),
            conntrack=None if count is None or most is None else (count, most),
            listen_overflows=losses.overflows if losses else None,
            listen_drops=losses.drops if losses else None,
            received_bytes=traffic.received if traffic else None,
            sent_bytes=traffic.sent if traffic else None,
        )

    def host(self) -> HostFacts:
        """Read the machine's limits and memory."""
        files = self._numbers("sys/fs/file-nr")
        memory = _table(self._text("meminfo"))
        load = self._text("loadavg").split()
        return HostFacts(
            files=(files[0], files[2]) if len(files) == 3 else None,
            nr_open=self._first("sys/fs/nr_open"),
            memory_total=_kilobytes(memory.get("MemTotal")),
            memory_available=_kilobytes(memory.get("MemAvailable")),
            cpus=_cpus(),
            load=float(load[0]) if load and load[0].replace(".", "").isdigit() else None,
        )

    # Private methods.

    def _text(self, name: str) -> str:
        return read(f"{self._root}/proc/{name}") or ""

    def _numbers(self, name: str) -> list[int]:
        return read_numbers(f"{self._root}/proc/{name}")

    def _first(self, name: str) -> int | None:
        return read_number(f"{self._root}/proc/{name}")


def _bytes(pages: list[int]) -> tuple[int, int, int]:
    first, second, third = (count * mmap.PAGESIZE for count in pages)
    return first, second, third


def _open_files(limits: str) -> Limit | None:
    for line in limits.splitlines():
        if line.startswith("Max open files"):
            words = line.removeprefix("Max open files").split()
            if len(words) >= 2:
                soft, hard = (UNLIMITED if word == "unlimited" else _number(word) for word in words[:2])
                return None if soft is None or hard is None else Limit(soft, hard)
    return None


def _descriptors(folder: Path) -> tuple[frozenset[int], int | None]:
    try:
        names = os.listdir(folder)
    except OSError:
        return frozenset(), None
    inodes = set()
    for name in names:
        try:
            target = os.readlink(folder / name)
        except OSError:  # closed meanwhile
            continue
        if target.startswith("socket:[") and target[8:-1].isdigit():
            inodes.add(int(target[8:-1]))
    return frozenset(inodes), len(names)


def _table(text: str) -> dict[str, str]:
    """Read `Name: value` lines."""
    return {name: value.strip() for name, colon, value in (line.partition(":") for line in text.splitlines()) if colon}


def _number(text: str | None) -> int | None:
    word = (text or "").split()[:1]
    return int(word[0]) if word and word[0].isdigit() else None


def _kilobytes(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else number * 1024


def _cpu_seconds(stat: str) -> float | None:
    # proc(5): utime and stime are the 12th and 13th field behind the name, which is in brackets and may hold anything.
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 13 or not (fields[11].isdigit() and fields[12].isdigit()):
        return None
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _cpus() -> int | None:
    # The CPUs that this process may run on, where the system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
