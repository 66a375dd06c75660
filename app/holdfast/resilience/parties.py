"""Whom a limit by address counts as one: an IPv4 address, or an IPv6 network of 64 bits.

Such a network is the least that a provider gives a household or a host (RFC 6177, 2; RFC 7421), so who has one address
of it has all of them: a limit for each of 2**64 addresses would be none.
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final

_MAPPED: Final = bytes(10) + b"\xff\xff"  # how a dual-stack listener shows IPv4 peers
_NETWORK_BYTES: Final = 8


def party_of(address: str) -> str:
    """Return what an address is counted under; a text that is no address stands for itself."""
    if ":" not in address:
        return address
    try:
        packed = inet_pton(AF_INET6, address.partition("%")[0])
    except (OSError, ValueError):  # ValueError: a NUL in it
        return address
    if packed.startswith(_MAPPED):
        return inet_ntop(AF_INET, packed[len(_MAPPED) :])
    return inet_ntop(AF_INET6, packed[:_NETWORK_BYTES] + bytes(_NETWORK_BYTES)) + "/64"
