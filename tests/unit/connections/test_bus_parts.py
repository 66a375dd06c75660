from __future__ import annotations

import os

import pytest

from holdfast.connections import bus_parts
from holdfast.connections.bus_parts import PART_BYTES, Joiner, cut


def test_message_comes_out_as_it_went_in() -> None:
    """Whatever its length."""
    for size in (PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES):
        message = os.urandom(size)
        joiner = Joiner()
        found = [joiner.add(part) for part in cut(message, 1, "here", "u")]

        assert found[-1] == message
        assert found[:-1] == [None] * (len(found) - 1)
        assert len(joiner) == 0


def test_messages_of_several_may_mix() -> None:
    """Each stream of each sender stands for itself."""
    joiner = Joiner()
    first, second = (list(cut(bytes([number]) * (PART_BYTES + 1), 1, "x", f"u{number}")) for number in (1, 2))
    joiner.add(first[0])
    joiner.add(second[0])

    assert joiner.add(first[1]) == b"\x01" * (PART_BYTES + 1)
    assert joiner.add(second[1]) == b"\x02" * (PART_BYTES + 1)


def test_missing_part_spoils_the_message() -> None:
    """Half a message is never taken for a whole one."""
    joiner = Joiner()
    first, _, third = cut(bytes(3 * PART_BYTES), 1, "here", "u")
    joiner.add(first)
    with pytest.raises(ValueError, match="missing"):
        joiner.add(third)

    assert len(joiner) == 0


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither one long message nor many unfinished ones take it all."""
    monkeypatch.setattr(bus_parts, "WHOLE_BYTES", 2 * PART_BYTES)
    joiner = Joiner()
    parts = list(cut(bytes(3 * PART_BYTES), 1, "here", "u"))
    joiner.add(parts[0])
    joiner.add(parts[1])
    with pytest.raises(ValueError, match="too long"):
        joiner.add(parts[2])
    for number in range(200):
        joiner.add(next(cut(bytes(PART_BYTES + 1), number, "here", "u")))

    assert len(joiner) == 64
