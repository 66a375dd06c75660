"""Who is limited as one by address."""

from __future__ import annotations

import pytest

from holdfast.resilience.parties import party_of


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix", "unix"),
        (":::::", ":::::"),
        ("::1\0", "::1\0"),
    ],
)
def test_party_of(address: str, party: str) -> None:
    """All addresses of one IPv6 network are one party; an IPv4 address is one, however it is written."""
    assert party_of(address) == party
