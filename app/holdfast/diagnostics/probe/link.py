"""What carries commands and replies, whatever the transport: the interface, its ends, and lines of JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from holdfast.diagnostics.probe.http import Answer

MAX_MESSAGE_BYTES = 1024 * 1024

Reply = dict[str, Any]


class EndedError(Exception):
    """The server ended the session with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


class StrangeError(Exception):
    """What came is not the protocol; the text says what it was."""


class RefusedError(Exception):
    """The opening request was answered, and not as hoped for."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class InvalidUpgradeError(Exception):
    """The 101 breaks RFC 6455; the text says how."""


class Dialect(Protocol):
    """How lines of JSON travel in messages."""

    @property
    def subprotocols(self) -> Sequence[str] | None:
        """What the handshake offers."""

    def write(self, lines: list[str]) -> str | bytes:
        """Return commands, one a line, as one message."""

    def read(self, message: str | bytes) -> str:
        """Return the replies in a message, one a line.

        Raises:
            GatewayError: there are none in it.
        """


class Link(Protocol):
    """One session's transport; `sent` are the headers of its opening request."""

    sent: list[tuple[str, str]]

    async def open(self, connect: str) -> Answer:
        """Send the opening request, with the connect command where it travels in it; return the answer's head.

        Raises:
            RefusedError, InvalidUpgradeError, CutError, NotHttpError, OSError: it was not accepted.
        """

    async def begin(self, connect: str) -> None:
        """Send the connect command, if it has not travelled yet."""

    async def send(self, lines: list[str]) -> None:
        """Send commands."""

    async def receive(self) -> list[Reply]:
        """Return what came next: one or more replies and pushes.

        Raises:
            EndedError, CutError, StrangeError, OSError: nothing more comes.
        """

    async def close(self) -> bool:
        """Say goodbye; return whether that was answered, True where there is nothing to answer."""

    def abort(self) -> None:
        """Close the sockets at once."""


def replies_of(text: bytes) -> list[Reply]:
    """Return the replies in a message, one a line.

    Raises:
        StrangeError: they are none.
    """
    replies: list[Reply] = []
    for line in text.split(b"\n"):
        if not line.strip():
            continue
        try:
            found = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise StrangeError(f"expected replies in JSON, got {line[:40]!r}") from None
        if not isinstance(found, dict):
            raise StrangeError(f"expected replies as JSON objects, got {line[:40]!r}")
        replies.append(found)
    return replies
