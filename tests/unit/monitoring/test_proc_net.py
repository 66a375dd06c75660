from __future__ import annotations

import resource
from pathlib import Path

from holdfast.monitoring import proc_net
from tests.unit.monitoring.conftest import Write

PAGE = resource.getpagesize()
NETSTAT = """\
TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPHPHits
TcpExt: 0 17 19 5
IpExt: InNoRoutes InOctets
IpExt: 0 99
"""
DEV = """\
Inter-|   Receive                          |  Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo: 5000 10 0 0 0 0 0 0 5000 10 0 0 0 0 0 0
  eth0:1000   3 0 0 0 0 0 0 2000  4 0 0 0 0 0 0
  eth1:   1   1 0 0 0 0 0 0    2  1 0 0 0 0 0 0
"""


def test_socket_memory_is_in_pages(tmp_path: Path, write: Write) -> None:
    """Of TCP alone, against the last of the three limits."""
    write("proc/net/sockstat", "sockets: used 16\nTCP: inuse 1 orphan 0 tw 30 alloc 1 mem 216\nUDP: inuse 0 mem 7\n")
    write("proc/sys/net/ipv4/tcp_mem", "100\t200\t300\n")

    assert proc_net.socket_memory(tmp_path) == 216 * PAGE
    assert proc_net.socket_memory_limit(tmp_path) == 300 * PAGE


def test_listen_losses_are_found_by_name(tmp_path: Path, write: Write) -> None:
    """Kernels have different columns."""
    write("proc/net/netstat", NETSTAT)

    assert proc_net.listen_losses(tmp_path) == (17, 19)


def test_traffic_leaves_the_loopback_out(tmp_path: Path, write: Write) -> None:
    """Numbers may follow a name without a blank."""
    write("proc/net/dev", DEV)

    assert proc_net.traffic(tmp_path) == (1001, 2002)


def test_conntrack_fill(tmp_path: Path, write: Write) -> None:
    """How many there are and may be."""
    write("proc/sys/net/netfilter/nf_conntrack_count", "12\n")
    write("proc/sys/net/netfilter/nf_conntrack_max", "4096\n")

    assert (proc_net.conntrack_count(tmp_path), proc_net.conntrack_limit(tmp_path)) == (12, 4096)


def test_what_the_kernel_lacks_is_nothing(tmp_path: Path, write: Write) -> None:
    """Network namespaces have no tcp_mem, many hosts no conntrack, and an odd file is as good as none."""
    write("proc/net/netstat", "TcpExt: SyncookiesSent\nTcpExt: 0\n")
    write("proc/net/sockstat", "sockets: used 16\n\nTCP: inuse 1\n")

    assert proc_net.socket_memory(tmp_path) is None
    assert proc_net.socket_memory_limit(tmp_path) is None
    assert proc_net.listen_losses(tmp_path) is None
    assert proc_net.listen_losses(tmp_path / "nowhere") is None
    assert proc_net.traffic(tmp_path) is None
    assert proc_net.conntrack_count(tmp_path) is None
    assert proc_net.conntrack_limit(tmp_path) is None
