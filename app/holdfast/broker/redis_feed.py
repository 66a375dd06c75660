"""What comes from Redis by pub/sub: who listens to what, and the way back after every loss of a connection.

A channel is listened to at the server that has it. When a connection is lost, or a slot moves, its channels are
listened to again, and whoever keeps this feed is told which ones, for what was published between is in history only.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from functools import partial

from redis.exceptions import MovedError, RedisError

from holdfast.broker.redis_connect import Address
from holdfast.broker.redis_errors import broker_error
from holdfast.broker.redis_feed_line import FeedLine, Handler
from holdfast.broker.redis_link import RedisLink
from holdfast.broker.redis_node import Node
from holdfast.broker.redis_outage import WayState
from holdfast.errors import BrokerError
from holdfast.resilience.backoff import full_jitter
from holdfast.telemetry.logs import get_logger

PING_SECONDS = 1.0
BASE_SECONDS, MOST_SECONDS = 0.1, 1.0
# Channels one command asks for, where they are on one server whatever they are called.
AT_ONCE = 500
_TRIES = 3

_log = get_logger(__name__)


class RedisFeed:
    """Channels of pub/sub and their handlers.

    Args:
        link: finds servers and opens connections.
        pick: numbers from 0 up to 1, for jitter.
    """

    def __init__(self, link: RedisLink, pick: Callable[[], float] = random.random) -> None:
        self.on_interrupted: Callable[[], object] = lambda: None
        self.on_resumed: Callable[[Collection[bytes]], object] = lambda channels: None
        self.state = WayState("feed")
        self._link = link
        self._pick = pick
        self._handlers: dict[bytes, Handler] = {}
        self._nodes: dict[Address, Node[FeedLine]] = {}
        self._lost: set[bytes] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # Public methods

    async def start(self) -> None:
        """Begin to watch over the connections; they are opened when something is listened to."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._restore_forever()), loop.create_task(self._ping_forever())]

    async def stop(self) -> None:
        """Close everything."""
        self._handlers.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(node.close() for node in self._nodes.values()), return_exceptions=True)
        self._nodes.clear()

    async def listen(self, channel: bytes, handler: Handler) -> None:
        """Have `handler(channel, message)` called for each message from now on, until `ignore`.

        Raises:
            BrokerError: not now; the channel is not listened to.
        """
        self._handlers[channel] = handler
        try:
            await self._listen(channel)
        except BaseException:
            self._handlers.pop(channel, None)
            raise

    async def ignore(self, channel: bytes) -> None:
        """Have nothing called any more; without a connection that is so by itself."""
        self._handlers.pop(channel, None)
        self._lost.discard(channel)
        for node in self._nodes.values():
            line = node.open
            if line is not None and channel in line.channels:
                line.unsubscribe(channel)

    def leave(self, address: Address) -> None:
        """Look elsewhere for what is listened to at a server."""
        node = self._nodes.get(address)
        if node is not None:
            node.drop(BrokerError("broker_read_only", f"{address} is no master any more"))

    # Private methods

    async def _listen(self, channel: bytes) -> None:
        for attempt in range(_TRIES):
            address: Address | None = None
            try:
                address = await self._link.locate(channel)
                line = await self._line(address)
                await line.subscribe([channel])
                return
            except (RedisError, BrokerError) as error:
                self._look_elsewhere(error, address)
                if address is not None and not isinstance(error, MovedError):
                    self._link.outages.fail(address, broker_error(error))
                if attempt + 1 == _TRIES:
                    cause = broker_error(error)  # without its connection nothing is listened to
                    raise BrokerError(cause.slug, cause.detail, is_undone=True) from None

    def _look_elsewhere(self, error: Exception, address: Address | None) -> None:
        if isinstance(error, MovedError):
            host = error.host or (address.host if address else "")
            self._link.topology.move(error.slot_id, Address(host, error.port))
        elif address is not None:
            self._link.topology.forget(address)

    async def _line(self, address: Address) -> FeedLine:
        node = self._nodes.get(address)
        if node is None:
            node = self._nodes[address] = Node(lambda: self._open(address), self._pick)
        return await node.wire()

    async def _open(self, address: Address) -> FeedLine:
        connection, server = await self._link.connect(address)
        line = FeedLine(connection, server, self._link.settings.timeout, self._handlers)
        line.is_sharded = self._link.topology.is_sharded
        line.on_lost = partial(self._lose, address)
        return line

    def _lose(self, address: Address, channels: Collection[bytes], reason: BrokerError | None) -> None:
        """Know that nothing comes of these any more; without a reason because the slot moved."""
        lost = {channel for channel in channels if channel in self._handlers}
        if not lost:
            return
        if reason is not None:
            _log.warning("broker.feed_lost", slug=reason.slug, detail=reason.detail, channels=len(lost))
        else:
            self._link.topology.forget(address)
        if not self._lost:
            self.on_interrupted()
        self._lost |= lost
        self._wake.set()

    async def _restore_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            attempt = 0
            while self._lost:
                try:
                    await self._restore()
                except Exception:  # the boundary of one try: nobody else would listen again
                    _log.exception("broker.restore_failed")
                if self._lost:
                    await asyncio.sleep(full_jitter(attempt, BASE_SECONDS, MOST_SECONDS, self._pick))
                    attempt += 1
            self.state.answer()
            _log.info("broker.feed_restored", attempts=attempt + 1)

    async def _restore(self) -> None:
        """Listen again to what was lost, as far as possible now."""
        by_server: dict[Address, list[bytes]] = {}
        try:
            for count, channel in enumerate(list(self._lost), 1):
                by_server.setdefault(await self._link.locate(channel), []).append(channel)
                if count % AT_ONCE == 0:
                    await asyncio.sleep(0)
        except BrokerError as error:
            self._link.outages.fail(None, error)
            self._fail(error)
        await asyncio.gather(*(self._restore_at(address, channels) for address, channels in by_server.items()))

    async def _restore_at(self, address: Address, channels: list[bytes]) -> None:
        try:
            line = await self._line(address)
            for start in range(0, len(channels), AT_ONCE):
                wanted = [one for one in channels[start : start + AT_ONCE] if one in self._lost]
                await line.subscribe(wanted)
                for channel in set(wanted) - self._handlers.keys():  # nobody wants it any more
                    self._lost.discard(channel)
                    line.unsubscribe(channel)
                restored = line.channels.intersection(wanted)  # less where it was lost again right away
                self._lost -= restored
                if restored:
                    self.on_resumed(restored)
        except (RedisError, BrokerError) as error:
            self._look_elsewhere(error, address)
            if not isinstance(error, MovedError):
                self._fail(broker_error(error))

    def _fail(self, error: BrokerError) -> None:
        if self.state.fail(error):
            _log.error("broker.feed_failing", slug=error.slug, detail=error.detail)

    async def _ping_forever(self) -> None:
        """Find connections that are dead without a word."""
        while True:
            await asyncio.sleep(PING_SECONDS * (0.5 + self._pick()))
            for node in self._nodes.values():
                if node.open is not None:
                    try:
                        node.open.ping()
                    except Exception:  # the boundary of one connection: the next round is for all
                        _log.exception("broker.ping_failed")
