"""What the two sides of a poll session have told each other, numbered both ways. Pure: no I/O, no clock.

Messages to the client are numbered from 1 and kept until a later request says that they were handled. Requests of the
client are numbered too, so that a repeated one is told from a new one, and one that the network held back from both.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from holdfast.errors import ProtocolError

_MOST_HALVINGS = 16


class Arrival(Enum):
    """What a request is, by its number."""

    NEW = "new"
    REPEAT = "repeat"
    """Its answer died: what it asked for was done, its answer is given again."""
    STALE = "stale"
    """A newer request has taken its place."""


class Exchange:
    """The numbers of one session, and the messages that wait to be acknowledged."""

    __slots__ = ("_halvings", "_messages", "acknowledged", "sent", "seq", "size")

    def __init__(self) -> None:
        self.seq = 0  # of the newest request; the opening one is 0
        self.acknowledged = 0  # messages that the client has handled
        self.sent = 0  # messages that were in an answer
        self.size = 0  # bytes of the messages that wait
        self._messages: deque[bytes] = deque()
        # A network that cuts long answers would cut the same one for ever.
        self._halvings = 0

    @property
    def has_messages(self) -> bool:
        """Whether there is something to tell."""
        return bool(self._messages)

    @property
    def has_unsent(self) -> bool:
        """Whether something was in no answer yet."""
        return self.sent < self.acknowledged + len(self._messages)

    def put(self, unit: bytes) -> None:
        """Queue a unit: one message a line."""
        for message in unit.split(b"\n"):
            self._messages.append(message)
            self.size += len(message)

    def receive(self, seq: int, ack: int) -> Arrival:
        """Take the numbers of a request, forget what it acknowledges, and say what kind of request it is.

        Raises:
            ProtocolError: `bad_request`; it acknowledges what it cannot, and nothing has changed.
        """
        if seq < self.seq or (seq == self.seq and ack < self.acknowledged):
            return Arrival.STALE
        if not self.acknowledged <= ack <= self.sent:
            expected = f"Expected `ack` from {self.acknowledged} to {self.sent}, came {ack}."
            raise ProtocolError("bad_request", expected)
        for _ in range(ack - self.acknowledged):
            self.size -= len(self._messages.popleft())
        if ack > self.acknowledged and self._halvings:
            self._halvings -= 1
        self.acknowledged = ack
        is_new = seq > self.seq
        self.seq = seq
        return Arrival.NEW if is_new else Arrival.REPEAT

    def take(self, limit: int) -> tuple[int, list[bytes]]:
        """Return the number of the first message that waits, and messages of `limit` bytes in all, at least one.

        Each time the same have to be given again, it is half as many bytes.
        """
        if self.sent > self.acknowledged:
            self._halvings = min(self._halvings + 1, _MOST_HALVINGS)
        limit >>= self._halvings
        taken: list[bytes] = []
        size = 0
        for message in self._messages:
            size += len(message)
            if taken and size > limit:
                break
            taken.append(message)
        self.sent = max(self.sent, self.acknowledged + len(taken))
        return self.acknowledged + 1, taken
