from __future__ import annotations

import socket
import struct

import pytest

from holdfast.monitoring.accept_queue import accept_queue


class Listener:
    """A listening socket of a kernel that says so."""

    def __init__(self, *numbers: int, fails: bool = False) -> None:
        self._numbers = numbers
        self._fails = fails

    def getsockopt(self, level: int, option: int, size: int, /) -> bytes:
        """Return TCP_INFO."""
        assert (level, option) == (socket.IPPROTO_TCP, socket.TCP_INFO)
        if self._fails:
            raise OSError
        return (bytes(8) + struct.pack("@4I", 1, 2, 3, 4) + struct.pack(f"@{len(self._numbers)}I", *self._numbers))[
            :size
        ]


def test_accept_queue_is_that_of_the_fullest_listener() -> None:
    """By its share, for each has a limit of its own."""
    assert accept_queue([Listener(90, 4096), Listener(5, 10)]) == (5, 10)


def test_accept_queue_is_unknown_where_nothing_tells() -> None:
    """A closed listener, a kernel with less to tell, no listener."""
    assert accept_queue([Listener(fails=True), Listener(1)]) is None
    assert accept_queue([]) is None


def test_accept_queue_is_unknown_on_other_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    """TCP_INFO is Linux's."""
    monkeypatch.delattr(socket, "TCP_INFO")

    assert accept_queue([Listener(1, 2)]) is None
