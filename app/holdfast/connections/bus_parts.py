"""Long messages between instances travel in parts: no single one holds up a link, and all have a limit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from holdfast.connections.bus_messages import Part

PART_BYTES: Final = 512 * 1024
WHOLE_BYTES: Final = 16 * 1024 * 1024
"""The longest message, in all its parts."""
MESSAGE_BYTES: Final = 1024 * 1024
"""The longest that is taken in one piece; nobody sends one that long."""

_UNFINISHED: Final = 64


def cut(message: bytes, of: int, sender: str, uid: str) -> Iterator[Part]:
    """Return the parts of a message that is too long for one piece."""
    total = -(-len(message) // PART_BYTES)
    for number in range(total):
        body = message[number * PART_BYTES : (number + 1) * PART_BYTES]
        yield Part(of=of, number=number, total=total, body=body, sender=sender, uid=uid)


@dataclass(slots=True)
class _Unfinished:
    total: int
    size: int = 0
    parts: list[bytes] = field(default_factory=list)


class Joiner:
    """Puts parts together again; one that is missing spoils its message, which is then dropped."""

    def __init__(self) -> None:
        self._unfinished: dict[tuple[str, int], _Unfinished] = {}

    def __len__(self) -> int:
        return len(self._unfinished)

    def add(self, part: Part) -> bytes | None:
        """Take the next part and return the whole message with the last one.

        Raises:
            ValueError: a part is missing, or the message gets too long; what came of it is forgotten.
        """
        key = part.uid, part.of
        found = self._unfinished.pop(key, None) or _Unfinished(part.total)
        found.size += len(part.body)
        if part.number != len(found.parts) or part.total != found.total or found.size > WHOLE_BYTES:
            raise ValueError("a part is missing, or the message is too long")
        found.parts.append(part.body)
        if len(found.parts) == found.total:
            return b"".join(found.parts)
        if len(self._unfinished) >= _UNFINISHED:  # whoever sent the oldest is gone
            del self._unfinished[next(iter(self._unfinished))]
        self._unfinished[key] = found
        return None
