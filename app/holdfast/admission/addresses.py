"""Who is really asking: the client's address and scheme behind proxies that the operator trusts.

Only `X-Forwarded-For` and `X-Forwarded-Proto` are read, and only from a trusted peer. `Forwarded` (RFC 7239) is
ignored: the proxies we meet write the former, and believing two headers lets a client contradict its proxy with
the one that the proxy does not overwrite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

Headers = Iterable[tuple[bytes, bytes]]
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


class Origination(NamedTuple):
    """Where a request came from: address without port, and `http` or `https`."""

    address: str
    scheme: str


class TrustedProxies:
    """The networks whose forwarding headers are believed.

    Raises:
        ValueError: an entry is neither an address nor a network.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: Sequence[IPv4Network | IPv6Network] = tuple(
            ip_network(entry, strict=False) for entry in networks
        )

    def originate(self, peer: str, scheme: str, headers: Headers) -> Origination:
        """Return the rightmost address that is not a trusted proxy, and the scheme seen there.

        An untrusted peer stands for itself; its headers are not looked at.
        """
        own_scheme = _SCHEMES.get(scheme, "http")
        if not self._networks or not self._trusts(_parse(peer)):
            return Origination(peer, own_scheme)
        forwarded = _list_of(b"x-forwarded-for", headers)
        protocols = _list_of(b"x-forwarded-proto", headers)
        position = self._client_position(forwarded)
        if position is None:
            return Origination(peer, _scheme_at(protocols, len(protocols) - 1, own_scheme))
        if len(protocols) != len(forwarded):  # one value for the whole chain, as most proxies write it
            scheme = _scheme_at(protocols, len(protocols) - 1, own_scheme)
        else:
            scheme = _scheme_at(protocols, position, own_scheme)
        return Origination(str(_parse(forwarded[position])), scheme)

    def _client_position(self, forwarded: Sequence[str]) -> int | None:
        """Walk from the nearest proxy outwards; stop before the first entry that is no address."""
        found: int | None = None
        for position in range(len(forwarded) - 1, -1, -1):
            address = _parse(forwarded[position])
            if address is None:
                return found
            found = position
            if not self._trusts(address):
                return found
        return found

    def _trusts(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _list_of(name: bytes, headers: Headers) -> list[str]:
    joined = b",".join(value for key, value in headers if key == name).decode("latin-1")
    return [entry.strip() for entry in joined.split(",")] if joined else []


def _scheme_at(protocols: Sequence[str], position: int, default: str) -> str:
    return _SCHEMES.get(protocols[position].lower(), default) if protocols else default


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    """Read `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1` or `[2001:db8::1]:443`; None for anything else."""
    bare = text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        bare = text.partition(":")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped  # a dual-stack listener shows IPv4 peers this way
    return address
