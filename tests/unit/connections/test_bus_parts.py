from __future__ import annotations

import asyncio
import os
from typing import cast

import pytest

from holdfast.broker.base import Broker
from holdfast.connections import bus_parts
from holdfast.connections.bus_parts import PART_BYTES, Joiner, Sender, cut


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


class SlowBroker:
    """Takes one message a turn."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, str]] = []

    async def send(self, message: bytes, instance: str = "") -> None:
        """Keep it."""
        self.sent.append((message, instance))
        await asyncio.sleep(0)


async def test_nothing_overtakes_a_long_message() -> None:
    """What goes to the same instance waits until all its parts have left; to others nothing waits."""
    broker = SlowBroker()
    sender = Sender(cast(Broker, broker), "here", "u")
    messages = [b"1", bytes(2 * PART_BYTES), b"2", bytes(PART_BYTES + 1), b"3"]
    await asyncio.gather(*(sender.send(one, "there") for one in messages), sender.send(b"other", "elsewhere"))

    lengths = [len(message) for message, instance in broker.sent if instance == "there"]
    assert [length > 1 for length in lengths] == [False, True, True, False, True, True, False]
    assert [message for message, _ in broker.sent[:3] if len(message) < 10] == [b"1", b"other"]
    assert not sender._turns


async def test_sender_that_is_cancelled_lets_others_go_on() -> None:
    """Who gives up in the middle of a long message leaves the way free."""
    broker = SlowBroker()
    sender = Sender(cast(Broker, broker), "here", "u")
    long = asyncio.ensure_future(sender.send(bytes(4 * PART_BYTES), "there"))
    short = asyncio.ensure_future(sender.send(b"short", "there"))
    await asyncio.sleep(0)
    long.cancel()
    await short

    assert broker.sent[-1] == (b"short", "there")
    assert not sender._turns


def test_memory_of_all_unfinished_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances that died in the middle of long messages leave no more than that; the oldest goes first."""
    monkeypatch.setattr(bus_parts, "UNFINISHED_BYTES", 5 * PART_BYTES)
    joiner = Joiner()
    for number in range(4):
        for part in list(cut(bytes(3 * PART_BYTES), number, "here", "u"))[:2]:
            joiner.add(part)
    last = list(cut(bytes(3 * PART_BYTES), 3, "here", "u"))[2]

    assert len(joiner) == 2
    assert joiner.add(last) == bytes(3 * PART_BYTES)
