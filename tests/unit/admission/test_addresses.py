import pytest

from holdfast.admission.addresses import Origination, TrustedProxies


def headers(*values: str, proto: str = "") -> list[tuple[bytes, bytes]]:
    """Return forwarding headers."""
    found = [(b"x-forwarded-for", value.encode()) for value in values]
    return [*found, (b"x-forwarded-proto", proto.encode())] if proto else found


def test_originate_untrusted_peer():
    """A peer that nobody trusts stands for itself, whatever its headers claim."""
    proxies = TrustedProxies(["10.0.0.0/8"])

    assert proxies.originate("203.0.113.9", "ws", headers("198.51.100.1", proto="https")) == Origination(
        "203.0.113.9", "http"
    )


def test_originate_without_networks():
    """Without trusted networks no header is believed."""
    assert TrustedProxies([]).originate("127.0.0.1", "wss", headers("198.51.100.1")) == Origination(
        "127.0.0.1", "https"
    )


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        (["6.6.6.6", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        (["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        (["198.51.100.1, unknown"], "10.0.0.1"),
        (["unknown, 10.0.0.2"], "10.0.0.2"),
        (["198.51.100.1:4711"], "198.51.100.1"),
        (["2001:db8::1"], "2001:db8::1"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["::ffff:198.51.100.1"], "198.51.100.1"),
        ([""], "10.0.0.1"),
        ([", ,"], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_originate_trusted_peer(forwarded, client):
    """Behind trusted proxies the client is the rightmost address that is not one of them."""
    proxies = TrustedProxies(["10.0.0.0/8"])

    assert proxies.originate("10.0.0.1", "http", headers(*forwarded)).address == client


def test_originate_mapped_peer():
    """A dual-stack listener's way to write an IPv4 proxy is recognised."""
    proxies = TrustedProxies(["10.0.0.1"])

    assert proxies.originate("::ffff:10.0.0.1", "http", headers("198.51.100.1")).address == "198.51.100.1"


@pytest.mark.parametrize(
    ("forwarded", "proto", "scheme"),
    [
        ("198.51.100.1", "https", "https"),
        ("198.51.100.1", "WSS", "https"),
        ("198.51.100.1", "gopher", "http"),
        ("198.51.100.1", "", "http"),
        ("6.6.6.6, 198.51.100.1, 10.0.0.2", "http, https, http", "https"),
        ("6.6.6.6, 198.51.100.1, 10.0.0.2", "https, http", "http"),
        ("", "https", "https"),
    ],
)
def test_originate_scheme(forwarded, proto, scheme):
    """The scheme is the one seen where the client's address was seen, else the nearest proxy's."""
    proxies = TrustedProxies(["10.0.0.0/8"])

    assert proxies.originate("10.0.0.1", "http", headers(forwarded, proto=proto)).scheme == scheme


def test_originate_unreadable_peer():
    """A peer without an address (a Unix socket) is trusted by nobody."""
    assert TrustedProxies(["0.0.0.0/0"]).originate("", "http", headers("198.51.100.1")).address == ""


def test_trusted_proxies_malformed_network():
    """A network that is none is a fault at once."""
    with pytest.raises(ValueError):
        TrustedProxies(["10.0.0.0/64"])
