"""What the kernel tells of the network, for the whole host or network namespace of the process."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import NamedTuple

from holdfast.monitoring.proc_files import ROOT, read, read_number, read_numbers


class Traffic(NamedTuple):
    """Bytes since the machine's start, over all interfaces but the loopback."""

    received: int
    sent: int


class ListenLosses(NamedTuple):
    """Connections that no listener of the host took, since its start: full accept queues, and all causes."""

    overflows: int
    drops: int


def socket_memory(root: Path = ROOT) -> int | None:
    """Return the bytes of memory that TCP sockets hold in the kernel."""
    for line in (read(f"{root}/proc/net/sockstat") or "").splitlines():
        words = line.split()
        if words and words[0] == "TCP:" and "mem" in words:
            return int(words[words.index("mem") + 1]) * resource.getpagesize()
    return None


def socket_memory_limit(root: Path = ROOT) -> int | None:
    """Return the bytes from which the kernel refuses memory to TCP sockets (tcp(7), tcp_mem); it is the host's."""
    pages = read_numbers(f"{root}/proc/sys/net/ipv4/tcp_mem")
    return pages[2] * resource.getpagesize() if len(pages) == 3 else None


def listen_losses(root: Path = ROOT) -> ListenLosses | None:
    """Return what listeners lost."""
    lines = (read(f"{root}/proc/net/netstat") or "").splitlines()
    for names, values in zip(lines[::2], lines[1::2], strict=False):
        if names.startswith("TcpExt:"):
            found = dict(zip(names.split(), values.split(), strict=False))
            overflows, drops = found.get("ListenOverflows"), found.get("ListenDrops")
            return ListenLosses(int(overflows), int(drops)) if overflows and drops else None
    return None


def traffic(root: Path = ROOT) -> Traffic | None:
    """Return what went over the network."""
    text = read(f"{root}/proc/net/dev")
    if text is None:
        return None
    received = sent = 0
    for line in text.splitlines()[2:]:
        name, _, numbers = line.partition(":")
        columns = numbers.split()
        if name.strip() != "lo" and len(columns) >= 9:
            received, sent = received + int(columns[0]), sent + int(columns[8])
    return Traffic(received, sent)


def conntrack_count(root: Path = ROOT) -> int | None:
    """Return how many connections the firewall tracks."""
    return read_number(f"{root}/proc/sys/net/netfilter/nf_conntrack_count")


def conntrack_limit(root: Path = ROOT) -> int | None:
    """Return how many it can track; beyond that packets of new connections are dropped."""
    return read_number(f"{root}/proc/sys/net/netfilter/nf_conntrack_max")
