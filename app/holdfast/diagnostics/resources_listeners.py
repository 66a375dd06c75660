"""Asks the kernel for listening sockets: the backlog it granted and how many connections wait, by sock_diag(7).

What `ss -ltn` prints as Send-Q and Recv-Q; /proc/net/tcp does not have the first.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import NamedTuple

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_DONE, _ERROR = 3, 2
_LISTEN = 1 << 10  # TCP_LISTEN, as a bit
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI48x")
_TIMEOUT_SECONDS = 2.0


class Listener(NamedTuple):
    """A listening socket: `backlog` is what the kernel granted, `waiting` the connections nobody accepted yet."""

    inode: int
    port: int
    backlog: int
    waiting: int


def read_listeners() -> list[Listener]:
    """Return all listening TCP sockets of this network namespace; none where the system does not tell."""
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        return []
    found: list[Listener] = []
    try:
        with socket.socket(family, socket.SOCK_DGRAM, _SOCK_DIAG) as kernel:
            kernel.settimeout(_TIMEOUT_SECONDS)
            for number, inet in enumerate((socket.AF_INET, socket.AF_INET6), 1):
                body = _REQUEST.pack(inet, socket.IPPROTO_TCP, 0, 0, _LISTEN)
                kernel.send(_HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _DUMP, number, 0) + body)
                found += _answers(kernel)
    except OSError:
        return found
    return found


def _answers(kernel: socket.socket) -> Iterator[Listener]:
    while True:
        data = kernel.recv(65536)
        messages = list(split(data))
        yield from (listener for kind, body in messages if kind == _BY_FAMILY and (listener := parse(body)) is not None)
        if not messages or any(kind in {_DONE, _ERROR} for kind, _ in messages):
            return


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut one datagram into netlink messages: type and body."""
    while len(data) >= _HEADER.size:
        length, kind, _, _, _ = _HEADER.unpack_from(data)
        if not _HEADER.size <= length <= len(data):
            return
        yield kind, data[_HEADER.size : length]
        data = data[(length + 3) & ~3 :]


def parse(body: bytes) -> Listener | None:
    """Read an inet_diag_msg; None for one that is cut."""
    # linux/inet_diag.h: 4 bytes of state, the socket's id (its port first, big-endian), then expires, rqueue, wqueue,
    # uid, inode. Of a listening socket rqueue is the accept queue's length and wqueue its limit.
    if len(body) < 72:
        return None
    (port,) = struct.unpack_from("!H", body, 4)
    _, waiting, backlog, _, inode = struct.unpack_from("=IIIII", body, 52)
    return Listener(inode, port, backlog, waiting)
