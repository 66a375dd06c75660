"""Messages between instances by Redis' pub/sub: one channel for all, one for each instance; sent and heard.

In a cluster it is plain pub/sub, which every node hands to all others, and one node takes all that is sent, so that
those of one sender stay in their order.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from redis.asyncio.connection import Connection

from holdfast.broker.base import BrokerHandler
from holdfast.broker.redis_connect import Address
from holdfast.broker.redis_errors import broker_error
from holdfast.broker.redis_link import RedisLink, Script
from holdfast.broker.redis_outage import WayState
from holdfast.errors import BrokerError
from holdfast.resilience.backoff import full_jitter
from holdfast.telemetry.logs import get_logger

BASE_SECONDS, MOST_SECONDS = 0.1, 1.0
QUIET_SECONDS = 3.0
"""After so long without a message the instance sends one to itself; where that does not come, the way is broken."""
_MOST_AT_ONCE: Final = 256
_PROBE: Final = b""

# ARGV: channel, message, channel, message...
_SEND: Final = Script("for place = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[place], ARGV[place + 1]) end return 1")

_log = get_logger(__name__)


class _Outgoing(NamedTuple):
    channel: bytes
    message: bytes
    done: asyncio.Future[None]


class RedisMessages:
    """What the instances of one prefix say to each other.

    Args:
        link: the way to Redis.
        instance: this one's name.
        pick: numbers from 0 up to 1, for jitter.
    """

    def __init__(self, link: RedisLink, instance: str, pick: Callable[[], float] = random.random) -> None:
        self.state = WayState("messages")
        self._link = link
        self._own = link.keys.to(instance)
        self._pick = pick
        self._unsent: list[_Outgoing] = []
        self._sending: asyncio.Task[None] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._heard_at: tuple[Address, asyncio.Timeout] | None = None
        self._tried = asyncio.Event()
        self._is_lost = False
        self._failures = 0

    # Public methods

    async def start(self, handler: BrokerHandler) -> None:
        """Listen; return after the first try. Where that failed, others follow: an instance starts without Redis too.

        After each time without a connection the handler's `on_resumed` is called for no channel.
        """
        self._listening = asyncio.get_running_loop().create_task(self._listen_forever(handler))
        await self._tried.wait()

    async def stop(self) -> None:
        """Stop listening; what waits to be sent is given up."""
        tasks = [task for task in (self._listening, self._sending) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._give_up(self._unsent, BrokerError("broker_unavailable", "the broker has stopped", is_undone=True))
        self._unsent = []

    def leave(self, address: Address) -> None:
        """Listen elsewhere if it is at a server that is no master any more, to which others send nothing."""
        if self._heard_at is not None and self._heard_at[0] == address:
            self._heard_at[1].reschedule(asyncio.get_running_loop().time())
            self._heard_at = None

    async def send(self, message: bytes, instance: str = "") -> None:
        """Send a message; see `Broker.send`."""
        await self._enqueue(self._link.keys.to(instance) if instance else self._link.keys.all, message)

    # Private methods: sending

    def _enqueue(self, channel: bytes, message: bytes) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._unsent.append(_Outgoing(channel, message, done))
        if self._sending is None or self._sending.done():
            self._sending = loop.create_task(self._send_all())
        return done

    async def _send_all(self) -> None:
        """Send what waits, one command at a time, or a repeated one could be overtaken."""
        while self._unsent:
            batch, self._unsent = self._unsent[:_MOST_AT_ONCE], self._unsent[_MOST_AT_ONCE:]
            args = [part for one in batch for part in (one.channel, one.message)]
            try:
                await self._link.run_script(_SEND, [self._link.keys.all], args)
            except BrokerError as error:
                self._give_up(batch, error)
            except asyncio.CancelledError:
                self._give_up(batch, BrokerError("broker_unavailable", "the broker has stopped"))
                raise
            except Exception as error:  # the boundary of the task: whoever waits must not wait for ever
                _log.exception("broker.messages_not_sent")
                self._give_up(batch, broker_error(error))
            else:
                for one in batch:
                    if not one.done.done():  # whoever waited may have been cancelled
                        one.done.set_result(None)

    @staticmethod
    def _give_up(batch: list[_Outgoing], error: BrokerError) -> None:
        for one in batch:
            if not one.done.done():
                one.done.set_exception(BrokerError(error.slug, error.detail, is_undone=error.is_undone))
                one.done.exception()  # nobody waits for a probe

    # Private methods: listening

    async def _listen_forever(self, handler: BrokerHandler) -> None:
        while True:
            try:
                await self._listen(handler)
            except Exception as error:  # the boundary of the task: it begins again whatever it was
                self._lose(broker_error(error))
            self._tried.set()
            await asyncio.sleep(full_jitter(self._failures, BASE_SECONDS, MOST_SECONDS, self._pick))
            self._failures += 1

    async def _listen(self, handler: BrokerHandler) -> None:
        address = await self._link.locate(self._link.keys.all)
        try:
            async with asyncio.timeout(None) as stay:
                self._heard_at = address, stay
                await self._listen_at(address, handler)
        except TimeoutError:
            if stay.expired():
                raise BrokerError("broker_read_only", f"{address} is no master any more") from None
            raise
        finally:
            self._heard_at = None

    async def _listen_at(self, address: Address, handler: BrokerHandler) -> None:
        connection, _ = await self._link.connect(address)
        try:
            await connection.send_command("SUBSCRIBE", self._link.keys.all, self._own)
            for _ in range(2):  # it answers for each
                async with asyncio.timeout(self._link.settings.timeout):
                    await connection.read_response()
            self._find(handler)
            await self._hear(connection, handler)
        finally:
            await connection.disconnect(nowait=True)

    async def _hear(self, connection: Connection, handler: BrokerHandler) -> None:
        is_asked = False
        while True:
            reply: Any = await connection.read_response(timeout=QUIET_SECONDS, disconnect_on_error=False)
            if reply is not None:
                is_asked = False
                self._take(reply, handler)
            elif is_asked:
                raise BrokerError("broker_timeout", f"a message to itself did not arrive within {QUIET_SECONDS:g} s")
            else:
                is_asked = True
                self._enqueue(self._own, _PROBE)

    @staticmethod
    def _take(reply: Any, handler: BrokerHandler) -> None:
        kind, _, message = reply
        if kind != b"message" or message == _PROBE:
            return
        try:
            handler.on_control(message)
        except Exception:  # the boundary to whoever understands messages: one that it does not must not end all others
            _log.exception("broker.message_failed")

    def _find(self, handler: BrokerHandler) -> None:
        self._failures = 0
        self.state.answer()
        self._tried.set()
        if self._is_lost:
            self._is_lost = False
            _log.warning("broker.messages_back")
            handler.on_resumed(())

    def _lose(self, error: BrokerError) -> None:
        self._is_lost = True
        if self.state.fail(error):
            _log.warning("broker.messages_lost", slug=error.slug, detail=error.detail)
