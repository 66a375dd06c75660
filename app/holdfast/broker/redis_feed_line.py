"""One connection to Redis for pub/sub: the channels it has, and the messages that come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from redis.asyncio.connection import Connection
from redis.exceptions import ResponseError

from holdfast.broker.redis_wire import Server, Waiting, Wire
from holdfast.errors import BrokerError
from holdfast.telemetry.logs import get_logger

Handler = Callable[[bytes, bytes], object]
# Messages taken in one go before other work gets its turn: a few milliseconds.
IN_A_ROW = 200

_log = get_logger(__name__)


class FeedLine(Wire):
    """An open connection; each message goes to the handler of its channel, of those in `handlers`.

    `on_lost(channels, reason)` is called once with all channels when the connection is gone, and, without a
    reason, with one that the server gave up because its slot moved.
    """

    def __init__(
        self, connection: Connection, server: Server, timeout: float, handlers: Mapping[bytes, Handler]
    ) -> None:
        self.channels: set[bytes] = set()
        self.is_sharded = False
        self._taken = self._looked_at = 0
        self.on_lost: Callable[[Collection[bytes], BrokerError | None], object] = lambda channels, reason: None
        self._handlers = handlers
        super().__init__(connection, server, timeout)

    async def subscribe(self, channels: Sequence[bytes]) -> None:
        """Listen to channels; returns when the server has said so of each.

        Raises:
            ResponseError: it has not, and says why; MOVED among others. Some may be listened to.
        """
        if self.is_sharded:  # channels of different slots cannot stand in one command
            answers = [self.call("SSUBSCRIBE", channel) for channel in channels]
        else:
            answers = self.call_for_many("SUBSCRIBE", channels)
        failure: ResponseError | BrokerError | None = None
        for answer in answers:
            try:
                await answer
            except (ResponseError, BrokerError) as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def unsubscribe(self, channel: bytes) -> None:
        """Listen no more; nobody waits for the server to say so. Where too much waits, the next message does it."""
        if self.failure is None and not self.is_full:
            self.channels.discard(channel)
            self.call("SUNSUBSCRIBE" if self.is_sharded else "UNSUBSCRIBE", channel).add_done_callback(_take_error)

    def ping(self) -> None:
        """See that the server is there: without an answer in time the connection is given up."""
        if self.failure is None and not self.is_full:  # else what waits tells
            self.call("PING").add_done_callback(_take_error)

    def drop(self, error: BrokerError) -> None:
        """Give the connection up, and tell of its channels."""
        is_first = self.failure is None
        super().drop(error)
        if is_first:
            channels, self.channels = self.channels, set()
            self.on_lost(channels, error)

    # Private methods

    async def _take_all(self) -> None:
        """Take messages and answers as they come; the hot path of an instance that others publish to."""
        read, handlers = self._connection.read_response, self._handlers
        while True:
            try:
                reply: Any = await read(disconnect_on_error=False)
            except ResponseError as error:
                self._settle(error)
                continue
            if reply.__class__ is list and len(reply) == 3 and reply[0] in (b"message", b"smessage"):
                handler = handlers.get(reply[1])
                if handler is not None:
                    try:
                        handler(reply[1], reply[2])
                    except Exception:  # the boundary of one message: a bug there must not cost the others
                        _log.exception("broker.message_failed")
                elif reply[1] in self.channels:
                    self.unsubscribe(reply[1])  # who wanted it went while the server was asked
                self._taken += 1
                if self._taken % IN_A_ROW == 0:
                    await asyncio.sleep(0)
            else:
                self._take_answer(reply)

    def _look(self, suspect: Waiting | None = None) -> None:
        """Do not give up while messages come: the answer is behind them."""
        is_alive, self._looked_at = self._taken != self._looked_at, self._taken
        super()._look(None if is_alive else suspect)

    def _take_answer(self, reply: Any) -> None:
        kind = reply[0] if isinstance(reply, list) else reply
        if kind in (b"subscribe", b"ssubscribe"):
            self.channels.add(reply[1])
        elif kind == b"sunsubscribe" and reply[1] in self.channels:
            self.channels.discard(reply[1])  # nobody asked: the slot has moved
            self.on_lost((reply[1],), None)
            return
        self._settle(reply)


def _take_error(answer: asyncio.Future[Any]) -> None:
    """Know of an error that nobody waits for."""
    if not answer.cancelled():
        answer.exception()
