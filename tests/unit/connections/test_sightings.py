from __future__ import annotations

import pytest

from holdfast.connections.sightings import REMEMBERED, Sighting, Sightings, sighting_of
from holdfast.connections.transport import Handshake


def handshake(*headers: tuple[bytes, bytes], client: str = "10.0.0.1") -> Handshake:
    """Make one with these headers."""
    return Handshake("/", b"", list(headers), client, "ws", "attempt")


def test_sighting_of_a_direct_handshake_shows_no_proxy() -> None:
    """Without headers of a proxy there is nothing to show."""
    assert sighting_of(handshake((b"host", b"a"))) == Sighting("10.0.0.1", False, False, ())


def test_sighting_tells_a_believed_address_from_an_ignored_one() -> None:
    """Where the proxy is trusted, the connection is counted under an address of its header."""
    forwarded = (b"x-forwarded-for", b"198.51.100.7, 192.0.2.1")

    assert sighting_of(handshake(forwarded))[1:3] == (True, False)
    assert sighting_of(handshake(forwarded, client="198.51.100.7"))[1:3] == (True, True)


@pytest.mark.parametrize(
    ("entry", "client"),
    [
        ("198.51.100.7:4711", "198.51.100.7"),
        ("[2001:DB8::1]:443", "2001:db8::1"),
        ("2001:db8:0::1", "2001:db8::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
    ],
)
def test_sighting_knows_an_address_however_it_is_written(entry: str, client: str) -> None:
    """Some proxies add the port, and IPv6 has many spellings."""
    assert sighting_of(handshake((b"x-forwarded-for", entry.encode()), client=client)).is_believed
    assert not sighting_of(handshake((b"x-forwarded-for", b"unknown"), client=client)).is_believed


@pytest.mark.parametrize(
    ("header", "proxy"),
    [
        ((b"cf-ray", b"1"), "Cloudflare"),
        ((b"x-amzn-trace-id", b"Root=1"), "AWS Application Load Balancer"),
        ((b"via", b"1.1 google"), "Google Cloud Load Balancing"),
        ((b"via", b"1.1 Caddy"), "Caddy"),
    ],
)
def test_sighting_names_the_proxy(header: tuple[bytes, bytes], proxy: str) -> None:
    """Headers that only one product adds name it, once."""
    assert sighting_of(handshake(header, header)).proxies == (proxy,)


def test_sightings_are_a_bounded_sample() -> None:
    """The first ones are kept, of many only a part."""
    sightings = Sightings()
    for _ in range(64):
        sightings.note(handshake())
    assert len(sightings.recent()) == 64
    for _ in range(160):
        sightings.note(handshake())
    assert len(sightings.recent()) == 74
    for _ in range(16 * REMEMBERED):
        sightings.note(handshake())

    assert len(sightings.recent()) == REMEMBERED
