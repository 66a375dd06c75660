"""Who follows a channel, as the hub sees it, and what is on its way to several of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from holdfast.protocol.framing import Encoding


class Subscriber(Protocol):
    """A connection, as the hub sees it."""

    closed: bool
    flowing: bool
    """False while a write needs more care: the peer is slow, replies are being collected, or the end has come."""
    write: Callable[[bytes], None]

    @property
    def encoding(self) -> Encoding:
        """What `write` takes."""

    def write_slow(self, unit: bytes) -> None:
        """Write a unit while not flowing."""

    def on_write_failed(self, error: Exception) -> None:
        """Know that a write raised: the end of this subscriber, and of nobody else."""


class Gone:
    """Stands in a fan-out's list for a subscriber that left in the middle of it."""

    flowing = False

    def write_slow(self, unit: bytes) -> None:
        """Drop the unit."""

    def on_write_failed(self, error: Exception) -> None:
        """Take note of nothing: nothing was written."""


GONE: Final = Gone()


class Batch:
    """Units on their way to the subscribers there were when the batch was sealed."""

    __slots__ = ("count", "next", "targets", "unit")

    def __init__(self, unit: bytes, count: int, targets: list[Subscriber | Gone]) -> None:
        self.unit = unit
        self.count = count
        self.targets = targets
        self.next = 0
