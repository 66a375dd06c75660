from __future__ import annotations

from holdfast.verify.collect import counters


def test_netstat_has_names_over_numbers():
    """A pair of lines is a group; a kernel that counts more than it names is no error."""
    assert counters.netstat("TcpExt: A B\nTcpExt: 1 2 3\nIpExt: C\nIpExt: 4\n") == {
        "TcpExtA": 1,
        "TcpExtB": 2,
        "IpExtC": 4,
    }
    assert counters.netstat("TcpExt: A\n") == {}


def test_softnet_sums_cores_in_hexadecimal():
    """The second column is dropped, the third squeezed."""
    assert counters.softnet("1 0a 1\n2 10 2\n") == {"softnet_dropped": 26, "softnet_squeezed": 3}
    assert counters.softnet("") == {}


def test_this_kernel_counts():
    """What the running kernel counts is read."""
    assert "softnet_dropped" in counters.counters()
