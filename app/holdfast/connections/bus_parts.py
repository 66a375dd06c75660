"""Long messages between instances travel in parts: no single one holds up a link, and all have a limit."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from holdfast.broker.base import Broker
from holdfast.connections.bus_messages import Part
from holdfast.errors import DoorError

PART_BYTES: Final = 512 * 1024
WHOLE_BYTES: Final = 16 * 1024 * 1024
"""The longest message, in all its parts."""
MESSAGE_BYTES: Final = 1024 * 1024
"""The longest that is taken in one piece; nobody sends one that long."""

UNFINISHED_BYTES: Final = 64 * 1024 * 1024
"""What may be kept of all messages that are not there in all their parts."""

_UNFINISHED: Final = 64

_encode = msgspec.msgpack.Encoder().encode


def cut(message: bytes, of: int, sender: str, uid: str) -> Iterator[Part]:
    """Return the parts of a message that is too long for one piece."""
    total = -(-len(message) // PART_BYTES)
    for number in range(total):
        body = message[number * PART_BYTES : (number + 1) * PART_BYTES]
        yield Part(of=of, number=number, total=total, body=body, sender=sender, uid=uid)


class Sender:
    """Sends messages whole or in parts; nothing overtakes a long one on its way to the same instance.

    Args:
        broker: carries them.
        name: this instance.
        uid: its process.
    """

    def __init__(self, broker: Broker, name: str, uid: str) -> None:
        self._broker = broker
        self._name = name
        self._uid = uid
        self._cut = 0
        # There only while a long message is under way, for short ones of one turn leave together.
        self._turns: dict[str, asyncio.Lock] = {}
        self._users: Counter[str] = Counter()

    async def send(self, message: bytes, instance: str = "") -> None:
        """Send a message to one instance, or to all.

        Raises:
            BrokerError: the broker would not carry it.
            DoorError: `body_too_large`.
        """
        if len(message) > WHOLE_BYTES:
            raise DoorError("body_too_large", f"Instances tell each other at most {WHOLE_BYTES} bytes.")
        if len(message) <= PART_BYTES and instance not in self._turns:
            await self._broker.send(message, instance)
            return
        turn = self._turns.setdefault(instance, asyncio.Lock())
        self._users[instance] += 1
        try:
            async with turn:  # which is fair
                for piece in self._pieces(message):
                    await self._broker.send(piece, instance)
        finally:
            self._users[instance] -= 1
            if not self._users[instance]:
                del self._users[instance], self._turns[instance]

    def _pieces(self, message: bytes) -> list[bytes]:
        if len(message) <= PART_BYTES:
            return [message]
        self._cut += 1
        return [_encode(part) for part in cut(message, self._cut, self._name, self._uid)]


@dataclass(slots=True)
class _Unfinished:
    total: int
    size: int = 0
    parts: list[bytes] = field(default_factory=list)


class Joiner:
    """Puts parts together again; one that is missing spoils its message, which is then dropped."""

    def __init__(self) -> None:
        self._unfinished: dict[tuple[str, int], _Unfinished] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._unfinished)

    def add(self, part: Part) -> bytes | None:
        """Take the next part and return the whole message with the last one.

        Raises:
            ValueError: a part is missing, or the message gets too long; what came of it is forgotten.
        """
        key = part.uid, part.of
        found = self._forget(key) if key in self._unfinished else _Unfinished(part.total)
        found.size += len(part.body)
        if part.number != len(found.parts) or part.total != found.total or found.size > WHOLE_BYTES:
            raise ValueError("a part is missing, or the message is too long")
        found.parts.append(part.body)
        if len(found.parts) == found.total:
            return b"".join(found.parts)
        while self._unfinished and (len(self) >= _UNFINISHED or self._size + found.size > UNFINISHED_BYTES):
            self._forget(next(iter(self._unfinished)))  # whoever sent the oldest is gone
        self._unfinished[key] = found
        self._size += found.size
        return None

    # Private methods

    def _forget(self, key: tuple[str, int]) -> _Unfinished:
        found = self._unfinished.pop(key)
        self._size -= found.size
        return found
