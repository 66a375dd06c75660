from __future__ import annotations

import asyncio

import pytest

from holdfast.broker.redis_node import Node
from holdfast.errors import BrokerError


class FakeWire:
    """A connection that can fail."""

    def __init__(self) -> None:
        self.failure: BrokerError | None = None

    def drop(self, error: BrokerError) -> None:
        """Fail."""
        self.failure = error

    async def close(self) -> None:
        """Fail."""
        self.failure = BrokerError("broker_unavailable")


class Door:
    """Opens connections, or does not."""

    def __init__(self) -> None:
        self.tries = 0
        self.is_shut = False

    async def __call__(self) -> FakeWire:
        """Open."""
        self.tries += 1
        await asyncio.sleep(0)
        if self.is_shut:
            raise BrokerError("broker_auth_failed", "wrong")
        return FakeWire()


async def test_connection_is_opened_once_for_all_who_ask():
    """A burst after the start does not open many."""
    door = Door()
    node = Node(door)

    wires = await asyncio.gather(*(node.wire() for _ in range(5)))

    assert door.tries == 1
    assert len({id(wire) for wire in wires}) == 1
    node.drop(BrokerError("broker_unavailable"))
    assert await node.wire() is not wires[0]
    await node.close()


async def test_failed_connection_is_not_tried_again_at_once():
    """Until the backoff is over everybody gets the cause, and the door has its peace."""
    door = Door()
    door.is_shut = True
    node = Node(door, pick=lambda: 0.9)
    for _ in range(10):
        with pytest.raises(BrokerError, match="broker_auth_failed") as failure:
            await node.wire()
        assert failure.value.is_undone or door.tries == 1

    assert door.tries == 1
    await node.close()


async def test_closing_ends_an_attempt():
    """Nothing goes on behind the end."""
    door = Door()
    node = Node(door)
    asking = asyncio.ensure_future(node.wire())
    await asyncio.sleep(0)

    await node.close()

    with pytest.raises(asyncio.CancelledError):
        await asking
