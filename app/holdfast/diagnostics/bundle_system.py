"""What a support ticket needs to know of the machine: system, kernel values, limits and Python packages.

Names and numbers only: no environment, no arguments, no list of processes, no addresses.
"""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from holdfast import __version__
from holdfast.auth.peek import bounded

# As they are called under /proc/sys.
KERNEL_VALUES = (
    "fs/file-max",
    "fs/file-nr",
    "fs/nr_open",
    "kernel/pid_max",
    "kernel/threads-max",
    "net/core/netdev_max_backlog",
    "net/core/rmem_max",
    "net/core/somaxconn",
    "net/core/wmem_max",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_abort_on_overflow",
    "net/ipv4/tcp_congestion_control",
    "net/ipv4/tcp_fin_timeout",
    "net/ipv4/tcp_keepalive_intvl",
    "net/ipv4/tcp_keepalive_probes",
    "net/ipv4/tcp_keepalive_time",
    "net/ipv4/tcp_max_orphans",
    "net/ipv4/tcp_max_syn_backlog",
    "net/ipv4/tcp_max_tw_buckets",
    "net/ipv4/tcp_mem",
    "net/ipv4/tcp_notsent_lowat",
    "net/ipv4/tcp_retries2",
    "net/ipv4/tcp_rmem",
    "net/ipv4/tcp_slow_start_after_idle",
    "net/ipv4/tcp_syncookies",
    "net/ipv4/tcp_tw_reuse",
    "net/ipv4/tcp_user_timeout",
    "net/ipv4/tcp_wmem",
    "net/netfilter/nf_conntrack_count",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "vm/max_map_count",
    "vm/overcommit_memory",
    "vm/swappiness",
)
# Files of /proc that are counters alone.
COUNTERS = ("loadavg", "meminfo", "net/netstat", "net/snmp", "net/sockstat", "net/sockstat6", "pressure/cpu")


def versions() -> dict[str, Any]:
    """Return the versions of gateway, Python, system and every installed package."""
    packages = {dist.metadata["Name"]: dist.version for dist in metadata.distributions() if dist.metadata["Name"]}
    return {
        "holdfast": __version__,
        "python": sys.version,
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "kernel": platform.version(),
        "libc": " ".join(platform.libc_ver()),
        "packages": dict(sorted(packages.items(), key=lambda pair: pair[0].lower())),
    }


def kernel(root: Path = Path("/")) -> dict[str, Any]:
    """Return the kernel's values that matter to a gateway; one that it does not have is None."""
    values = {name.replace("/", "."): _text(root / "proc/sys" / name) for name in KERNEL_VALUES}
    release = dict(
        line.split("=", 1) for line in (_text(root / "etc/os-release") or "").splitlines() if line.count("=") == 1
    )
    return {
        "sysctl": {name: None if text is None else " ".join(text.split()) for name, text in values.items()},
        "os": bounded(release.get("PRETTY_NAME", "").strip('"')),
        "cpus": os.cpu_count(),
        "limits": (_text(root / "proc/self/limits") or "").splitlines(),
        "cgroup": (_text(root / "proc/self/cgroup") or "").splitlines(),
    }


def counters(root: Path = Path("/")) -> str:
    """Return the kernel's counters as one text."""
    found = ((name, _text(root / "proc" / name)) for name in COUNTERS)
    return "\n".join(f"== /proc/{name}\n{text.rstrip()}\n" for name, text in found if text is not None)


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
