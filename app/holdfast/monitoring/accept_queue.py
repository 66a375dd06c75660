"""How many connections wait to be accepted, as the listening socket itself tells."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple, Protocol

# Of a listening socket `tcpi_unacked` is the length of the accept queue and `tcpi_sacked` its limit (tcp_get_info() in
# net/ipv4/tcp.c); they are the fifth and sixth of the numbers behind eight single bytes in `struct tcp_info`.
_QUEUE = struct.Struct("@24xII")


class Listening(Protocol):
    """A listening socket."""

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """Return an option of the socket."""


class AcceptQueue(NamedTuple):
    """Connections that wait, and how many may."""

    length: int
    limit: int


def accept_queue(listeners: Iterable[Listening]) -> AcceptQueue | None:
    """Return the fullest queue of these listeners; None where the kernel does not tell."""
    queues = [queue for listener in listeners if (queue := _queue_of(listener)) is not None]
    return max(queues, key=lambda one: one.length / max(1, one.limit), default=None)


def _queue_of(listener: Listening) -> AcceptQueue | None:
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    try:
        return AcceptQueue(*_QUEUE.unpack(listener.getsockopt(socket.IPPROTO_TCP, option, _QUEUE.size)))
    except (OSError, struct.error):  # closed by now, or a kernel with less to tell
        return None
