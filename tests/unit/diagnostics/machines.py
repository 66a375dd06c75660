"""A machine's files under a folder, for the tests of the resource diagnosis."""

from __future__ import annotations

from pathlib import Path

FILES = {
    "proc/7/status": "Name:\tholdfast\nVmRSS:\t   51200 kB\nThreads:\t3\n",
    "proc/7/limits": (
        "Limit                     Soft Limit           Hard Limit           Units\n"
        "Max processes             100                  100                  processes\n"
        "Max open files            1024                 524288               files\n"
    ),
    "proc/7/stat": "7 (a ) b) S 1 1 1 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 3 0 1 1 1",
    "proc/7/cgroup": "0::/app.slice/gateway\n",
    "proc/sys/net/core/somaxconn": "128\n",
    "proc/sys/net/ipv4/tcp_max_syn_backlog": "2048\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "proc/sys/net/ipv4/tcp_mem": "100\t200\t300\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "900\n",
    "proc/sys/net/netfilter/nf_conntrack_max": "1000\n",
    "proc/sys/fs/file-nr": "1000\t0\t100000\n",
    "proc/sys/fs/nr_open": "1048576\n",
    "proc/net/sockstat": "sockets: used 10\nTCP: inuse 5 orphan 0 tw 1 alloc 6 mem 50\nUDP: inuse 1 mem 0\n",
    "proc/net/netstat": "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 4 6\nIpExt: A\nIpExt: 1\n",
    "proc/net/dev": (
        "Inter-|   Receive                         |  Transmit\n"
        " face |bytes packets errs drop fifo frame compressed multicast|bytes packets\n"
        "    lo: 5000 1 0 0 0 0 0 0 5000 1 0 0 0 0 0 0\n"
        "  eth0: 1000 1 0 0 0 0 0 0 2000 1 0 0 0 0 0 0\n"
    ),
    "proc/meminfo": "MemTotal:        2048 kB\nMemAvailable:    1024000 kB\n",
    "proc/loadavg": "0.50 0.40 0.30 1/100 7\n",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory pids\n",
    "sys/fs/cgroup/app.slice/memory.max": "104857600\n",
    "sys/fs/cgroup/app.slice/cpu.max": "50000 100000\n",
    "sys/fs/cgroup/app.slice/gateway/memory.max": "max\n",
    "sys/fs/cgroup/app.slice/gateway/memory.current": "62914560\n",
    "sys/fs/cgroup/app.slice/gateway/memory.stat": "anon 1\ninactive_file 10485760\nsock 4096\n",
    "sys/fs/cgroup/app.slice/gateway/cpu.max": "max 100000\n",
    "sys/fs/cgroup/app.slice/gateway/cpu.stat": "usage_usec 1\nthrottled_usec 1500000\n",
    "sys/fs/cgroup/app.slice/gateway/pids.max": "100\n",
    "sys/fs/cgroup/app.slice/gateway/pids.current": "3\n",
}


def machine(folder: Path, files: dict[str, str] | None = None) -> Path:
    """Write the files, those of the argument over the usual ones, and return the root."""
    for name, text in {**FILES, **(files or {})}.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    links = folder / "proc/7/fd"
    links.mkdir(parents=True, exist_ok=True)
    for number, target in enumerate(("/dev/null", "socket:[111]", "socket:[222]", "pipe:[3]")):
        if not (links / str(number)).is_symlink():
            (links / str(number)).symlink_to(target)
    return folder
