"""Follows channels over a socket: connects, hands on what arrives, and comes back after every end that allows it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from holdfast.cli.advice import without_answer
from holdfast.cli.conversation import (
    TOKEN_EXPIRED,
    Conversation,
    Event,
    Following,
    Noticed,
    Received,
    Refused,
    refusal_of_close,
)
from holdfast.cli.dialect import JSON_DIALECT, Dialect
from holdfast.cli.failure import Exit
from holdfast.cli.place import is_loopback

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.http11 import Response

OPEN_TIMEOUT_SECONDS = 10.0
# How much later than promised a ping may come before the server counts as gone; the stock SDKs wait as long.
PING_GRACE_SECONDS = 10.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
UNREACHABLE = "unreachable"
# Handshake answers after which the same attempt may succeed later.
TEMPORARY_STATUSES = {408, 429, 500, 502, 503, 504}


class Tokens(Protocol):
    """Where tokens come from."""

    @property
    def can_renew(self) -> bool:
        """Whether another call gives a fresh token."""

    def connection(self) -> str:
        """Return a connection token, "" for none."""

    def subscription(self, channel: str) -> str:
        """Return a subscription token for a channel, "" for none."""


@dataclass(slots=True)
class Follower:
    """Follows channels until `count` publications came, or for ever when it is 0."""

    url: str
    channels: list[str]
    tokens: Tokens
    show: Callable[[Event], None]
    delay: Callable[[int], float]
    """Seconds to wait before try number n, from 0."""
    count: int = 0
    reconnects: bool = True
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    dialect: Dialect = JSON_DIALECT
    _followings: list[Following] = field(init=False)
    _received: int = 0
    _failures: int = 0

    def __post_init__(self) -> None:
        self._followings = [Following(channel) for channel in dict.fromkeys(self.channels)]

    async def run(self) -> Exit:
        """Follow; return when enough came, or when going on is pointless."""
        while True:
            end = await self._one_connection()
            if end is None:
                return Exit.FINE
            if end.number == TOKEN_EXPIRED and not self.tokens.can_renew:
                end = Refused(end.slug, end.number, is_final=True)
            if end.slug != UNREACHABLE:  # told already, with the reason
                self.show(end)
            if end.is_final or not self.reconnects:
                return Exit.UNKNOWN if end.slug == UNREACHABLE else Exit.REFUSED
            seconds = self.delay(self._failures)
            self._failures += 1
            self.show(Noticed(f"trying again in {seconds:.1f} s"))
            await self.sleep(seconds)

    async def _one_connection(self) -> Refused | None:
        """Live through one connection; return how it ended, None when enough came."""
        from websockets.asyncio.client import connect
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        # A proxy named in the environment is for the world outside, not for this machine.
        proxy: Literal[True] | None = None if is_loopback(self.url) else True
        try:
            async with connect(
                self.url,
                subprotocols=self.dialect.subprotocols,
                proxy=proxy,
                compression=None,
                open_timeout=OPEN_TIMEOUT_SECONDS,
                ping_interval=None,
                close_timeout=1.0,
                max_size=MAX_MESSAGE_BYTES,
            ) as socket:
                return await self._talk(socket)
        except InvalidStatus as error:
            return refusal_of_answer(error.response)
        except (OSError, InvalidHandshake, EOFError) as error:
            self._show_unreachable(str(error) or type(error).__name__)
            return Refused(UNREACHABLE, 0, is_final=False)

    def _show_unreachable(self, reason: str) -> None:
        # Once is enough: while a gateway restarts, only the reason matters.
        advice = "" if self._failures else f"\n  {without_answer(self.url, reason)}"
        self.show(Noticed(f"cannot connect to {self.url}: {reason}{advice}"))

    async def _talk(self, socket: ClientConnection) -> Refused | None:
        from websockets.exceptions import ConnectionClosed

        for following in self._followings:
            following.token = self.tokens.subscription(following.channel)
        talk = Conversation(self._followings, self.tokens.connection())
        try:
            await socket.send(self.dialect.write([talk.opening()]))
            while True:
                patience = talk.ping_seconds + PING_GRACE_SECONDS if talk.ping_seconds else None
                # Not `wait_for`: until Python 3.12 it forgets that it was cancelled where a message comes in that turn.
                async with asyncio.timeout(patience):
                    message = await socket.recv(decode=self.dialect.is_text)
                send, events = talk.on_message(self.dialect.read(message))
                if send:
                    await socket.send(self.dialect.write(send))
                for event in events:
                    if (end := self._take(event)) is not None:
                        return end[0]
        except TimeoutError:
            return Refused("no ping from the server", 0, is_final=False)
        except ConnectionClosed as error:
            received = error.rcvd
            return refusal_of_close(received.code if received else 1006, received.reason if received else "")

    def _take(self, event: Event) -> tuple[Refused | None] | None:
        """Hand one event on; return a tuple with the end, if this is the end of the connection."""
        if isinstance(event, Refused):
            return (event,)
        self.show(event)
        # Anything that arrived proves the way: the next failure is a first one again.
        self._failures = 0
        if isinstance(event, Received):
            self._received += 1
            if self._received == self.count:
                return (None,)
        return None


def refusal_of_answer(answer: Response) -> Refused:
    """Return what a refused handshake means; our own answers carry the slug in a JSON body."""
    try:
        body = json.loads(answer.body or b"")
        slug = str(body["slug"])
    except (ValueError, KeyError, TypeError):
        slug = f"HTTP {answer.status_code} {answer.reason_phrase}"
    return Refused(slug, answer.status_code, answer.status_code not in TEMPORARY_STATUSES)
