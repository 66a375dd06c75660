"""What recent handshakes showed of the way they came: from which address, and which proxies left their mark.

A sample, for the diagnosis; it is bounded, holds no token, and nothing decides by it.
"""

from __future__ import annotations

from collections import deque
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple

from holdfast.connections.transport import Handshake

REMEMBERED: Final = 500
# Early ones all, so that a first look has something to see; of many, a part.
_ALL_OF_THE_FIRST: Final = 64
_THEN_ONE_IN: Final = 16

# Headers that a proxy adds, by what they say of it: a name alone, or a word of `Via`.
_MARKS: Final = {
    b"cf-ray": "Cloudflare",
    b"x-amzn-trace-id": "AWS Application Load Balancer",
    b"x-amz-cf-id": "AWS CloudFront",
    b"x-azure-ref": "Azure Front Door",
    b"x-arr-log-id": "Azure App Service",
    b"x-cloud-trace-context": "Google Cloud Load Balancing",
    b"x-envoy-expected-rq-timeout-ms": "Envoy",
    b"x-envoy-external-address": "Envoy",
    b"x-envoy-internal": "Envoy",
    b"fly-request-id": "Fly.io",
}
_VIA: Final = {b"google": "Google Cloud Load Balancing", b"vegur": "Heroku", b"heroku": "Heroku", b"caddy": "Caddy"}


class Sighting(NamedTuple):
    """One handshake: the address it is counted under, and whether it was forwarded for another one."""

    address: str
    is_forwarded: bool
    is_believed: bool
    """Whether that other address is the one it is counted under."""
    proxies: tuple[str, ...]


class Sightings:
    """Keeps a sample of handshakes."""

    __slots__ = ("_recent", "_seen")

    def __init__(self) -> None:
        self._recent: deque[Sighting] = deque(maxlen=REMEMBERED)
        self._seen = 0

    def note(self, handshake: Handshake) -> None:
        """Take a handshake into the sample, or leave it."""
        self._seen += 1
        if self._seen <= _ALL_OF_THE_FIRST or self._seen % _THEN_ONE_IN == 0:
            self._recent.append(sighting_of(handshake))

    def recent(self) -> tuple[Sighting, ...]:
        """Return the sample."""
        return tuple(self._recent)


def sighting_of(handshake: Handshake) -> Sighting:
    """Return what a handshake's headers show."""
    forwarded = b""
    proxies: list[str] = []
    for name, value in handshake.headers:
        if name == b"x-forwarded-for":
            forwarded += b"," + value
        elif name in _MARKS:
            proxies.append(_MARKS[name])
        elif name == b"via":
            proxies += [proxy for word, proxy in _VIA.items() if word in value.lower()]
    addresses = [entry.strip() for entry in forwarded.decode("latin-1").split(",") if entry.strip()]
    client = _parse(handshake.client)
    is_believed = client is not None and any(_parse(one) == client for one in addresses)
    return Sighting(handshake.client, bool(addresses), is_believed, tuple(dict.fromkeys(proxies)))


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Read an address, with or without a port, however it is written; None for anything else."""
    bare = text[1:].partition("]")[0] if text.startswith("[") else text
    try:
        found = ip_address(bare.partition(":")[0] if bare.count(":") == 1 else bare)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
