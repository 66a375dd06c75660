"""Tests of holdfast.diagnostics.resources_listeners."""

from __future__ import annotations

import socket
import struct

import pytest

from holdfast.diagnostics import resources_listeners
from holdfast.diagnostics.resources_listeners import Listener, parse, read_listeners, split


def body(port: int, waiting: int, backlog: int, inode: int) -> bytes:
    """Make an inet_diag_msg."""
    return b"\x02\x0a\0\0" + struct.pack("!H", port) + bytes(46) + struct.pack("=IIIII", 0, waiting, backlog, 0, inode)


def message(kind: int, data: bytes) -> bytes:
    """Make a netlink message."""
    return struct.pack("=IHHII", 16 + len(data), kind, 0, 1, 0) + data


def test_parse_reads_queue_and_limit() -> None:
    """Of a listening socket rqueue is what waits and wqueue the limit."""
    assert parse(body(8000, 3, 4096, 99)) == Listener(99, 8000, 4096, 3)
    assert parse(b"short") is None


def test_split_cuts_messages() -> None:
    """Several in one datagram; a length that lies ends it."""
    data = message(20, body(1, 0, 5, 1)) + message(3, bytes(4))

    assert [kind for kind, _ in split(data)] == [20, 3]
    assert list(split(struct.pack("=IHHII", 4, 20, 0, 0, 0))) == []
    assert list(split(struct.pack("=IHHII", 999, 20, 0, 0, 0))) == []


class Kernel:
    """Answers in place of the kernel."""

    answers: list[bytes]

    def __init__(self, *_: object) -> None:
        self.answers = [message(20, body(8000, 1, 128, 5)), message(3, bytes(4))]
        self.pending: list[bytes] = []

    def __enter__(self) -> Kernel:
        return self

    def __exit__(self, *_: object) -> None: ...

    def settimeout(self, _: float) -> None: ...

    def send(self, data: bytes) -> None:
        assert len(data) == 72
        self.pending = list(self.answers)

    def recv(self, _: int) -> bytes:
        if not self.pending:
            raise TimeoutError
        return self.pending.pop(0)


def test_read_asks_for_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """IPv4 and IPv6, each to its end."""
    monkeypatch.setattr(resources_listeners.socket, "socket", Kernel)

    assert read_listeners() == [Listener(5, 8000, 128, 1)] * 2


def test_read_gives_none_where_the_kernel_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sandbox that forbids netlink, and systems without it."""

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(resources_listeners.socket, "socket", refuse)
    assert read_listeners() == []
    monkeypatch.delattr(socket, "AF_NETLINK", raising=False)
    assert read_listeners() == []
