"""Counters of the kernel's network since the machine's start, under the names that exporters give them."""

from __future__ import annotations


def counters() -> dict[str, int]:
    """Return what /proc/net/netstat and softnet_stat count; nothing where they cannot be read."""
    return {**netstat(_text("/proc/net/netstat")), **softnet(_text("/proc/net/softnet_stat"))}


def netstat(text: str) -> dict[str, int]:
    """Read pairs of lines, names over numbers: `TcpExt: A B` and `TcpExt: 1 2` are TcpExtA and TcpExtB."""
    lines = text.splitlines()
    found = {}
    for names, numbers in ((lines[at], lines[at + 1]) for at in range(0, len(lines) - 1, 2)):
        group, *columns = names.split()
        for at, value in enumerate(numbers.split()[1:]):
            if at < len(columns) and value.lstrip("-").isdecimal():
                found[group.rstrip(":") + columns[at]] = int(value)
    return found


def softnet(text: str) -> dict[str, int]:
    """Read a line a core, numbers in hexadecimal: the second is what was dropped, the third how often time ran out."""
    rows = [line.split() for line in text.splitlines() if len(line.split()) > 2]
    if not rows:
        return {}
    return {
        "softnet_dropped": sum(int(row[1], 16) for row in rows),
        "softnet_squeezed": sum(int(row[2], 16) for row in rows),
    }


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""
