"""Listening sockets: bound before anything starts, so that a taken port is known at once and by name."""

from __future__ import annotations

import errno
import os
import socket

_ADVICE = {
    errno.EADDRINUSE: "another process listens there; stop it or choose another port",
    errno.EADDRNOTAVAIL: "no interface of this host has that address",
    errno.EACCES: "ports below 1024 need CAP_NET_BIND_SERVICE",
}


def bind_sockets(host: str, port: int) -> list[socket.socket]:
    """Bind one socket per address of `host` (empty means every interface); with port 0 all share one free port.

    The sockets do not listen yet.

    Raises:
        OSError: an address cannot be bound; the message says which one and what to do.
    """
    try:
        infos = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise OSError(f"cannot listen on {host}:{port}: the host has no address ({error.strerror})") from None
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(infos):
            sockets.append(_bind(family, (address[0], port, *address[2:])))
            port = port or bound_port(sockets)
    except OSError:
        close_all(sockets)
        raise
    return sockets


def bound_port(sockets: list[socket.socket]) -> int:
    """Return the port the sockets are bound to."""
    return int(sockets[0].getsockname()[1])


def close_all(sockets: list[socket.socket]) -> None:
    """Close sockets that nobody took over."""
    for bound in sockets:
        bound.close()


def _bind(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A restart must not wait for the TIME_WAIT sockets of its predecessor.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # the IPv4 address gets a socket of its own
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.setblocking(False)
        bound.bind(address)
    except OSError as error:
        bound.close()
        number = error.errno or 0
        advice = _ADVICE.get(number, "see the error")
        raise OSError(number, f"cannot listen on {address[0]}:{address[1]}: {os.strerror(number)}; {advice}") from None
    return bound
