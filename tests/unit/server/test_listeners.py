"""Listening sockets."""

import errno
import socket

import pytest

from holdfast.server.listeners import bind_sockets, bound_port, close_all


def test_bind_takes_a_free_port():
    """Port 0 gives a port that can be read."""
    sockets = bind_sockets("127.0.0.1", 0)

    assert bound_port(sockets) > 0
    assert all(bound.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) for bound in sockets)
    close_all(sockets)


def test_bind_of_several_addresses_shares_the_port(monkeypatch):
    """Every address of a name listens on the same port, chosen by the first."""
    infos = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 0)),
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: infos)

    sockets = bind_sockets("both.test", 0)

    assert {bound.getsockname()[1] for bound in sockets} == {bound_port(sockets)}
    assert len(sockets) == 2
    close_all(sockets)


def test_bind_separates_ipv6():
    """An IPv6 socket leaves IPv4 to a socket of its own."""
    try:
        sockets = bind_sockets("::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")

    assert sockets[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    close_all(sockets)


def test_bind_of_a_taken_port_names_it():
    """The message says which address, why and what to do."""
    taken = bind_sockets("127.0.0.1", 0)
    taken[0].listen()
    port = bound_port(taken)

    with pytest.raises(OSError, match=f"127.0.0.1:{port}.*choose another port") as caught:
        bind_sockets("127.0.0.1", port)

    assert caught.value.errno == errno.EADDRINUSE
    close_all(taken)


def test_bind_of_an_unknown_host_names_it(monkeypatch):
    """A name without an address is told apart from a taken port."""

    def fail(*args, **kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)

    with pytest.raises(OSError, match=r"nowhere\.test:80: the host has no address"):
        bind_sockets("nowhere.test", 80)


def test_bind_of_a_foreign_address_says_so():
    """192.0.2.1 (RFC 5737) is nobody's."""
    with pytest.raises(OSError, match="no interface of this host has that address"):
        bind_sockets("192.0.2.1", 0)
