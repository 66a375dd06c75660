"""The broker that instances share: history, presence and transport of publications in Redis or Valkey.

Here its parts are put together; `docs/redis.md` has the picture.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from holdfast.broker.base import (
    NO_POSITION,
    BrokerHandler,
    History,
    HistoryFilter,
    PublishOptions,
    PublishResult,
    Way,
)
from holdfast.broker.redis_connect import Address
from holdfast.broker.redis_feed import RedisFeed
from holdfast.broker.redis_history import HistoryReader
from holdfast.broker.redis_link import RedisLink
from holdfast.broker.redis_publish import Publisher
from holdfast.broker.redis_reconcile import Reconciler
from holdfast.broker.redis_records import (
    JOIN,
    LEAVE,
    NEW_EPOCH,
    PUBLICATION,
    decode_info,
    decode_message,
    encode_info,
)
from holdfast.broker.redis_seen import Seen, SeenPositions
from holdfast.broker.redis_stores import RedisStores
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition
from holdfast.settings import Settings
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)


class RedisBroker(RedisStores):
    """A `Broker` in Redis.

    Args:
        settings: its `broker` branch, and how long positions are kept.
        instance: this one's name, for messages to it.
    """

    def __init__(self, settings: Settings, instance: str = "") -> None:
        super().__init__(RedisLink(settings.broker.redis), instance)
        self.feed = RedisFeed(self.link)
        self._keys = self.link.keys
        self._seen = SeenPositions()
        self._history = HistoryReader(self.link, self._seen, settings.channel.history_meta_ttl)
        self._reconciler = Reconciler(self._history.reconcile, self._tell_resumed)
        self._publisher = Publisher(self.link, self._seen, settings.broker.idempotency_ttl, self._reconciler.doubt)
        self._handler: BrokerHandler | None = None

    # Public methods: life

    def trouble(self, way: Way) -> BrokerError | None:
        """Return why nothing comes here this way; see `Broker.trouble`."""
        return (self.feed if way == "feed" else self.messages).state.failure

    async def start(self, handler: BrokerHandler) -> None:
        """Connect and begin to serve; without Redis too, which is waited for then."""
        self._handler = handler
        self.link.on_run, self.link.on_distrust = self._look_at_all, self._leave
        self.feed.on_interrupted = handler.on_interrupted
        self.feed.on_resumed = self._resume
        await self.link.start()
        await self.feed.start()
        await self.messages.start(handler)

    async def stop(self) -> None:
        """Let go of everything; a second call does nothing."""
        if self._handler is None:
            return
        self._handler = None
        await self.messages.stop()
        await self.feed.stop()
        await self._reconciler.stop()
        await self.link.stop()

    # Public methods: publications

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishResult:
        """Publish; see `Broker.publish`."""
        self._serving()
        return await self._publisher.publish(channel, publication, options)

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        """Tell all instances' subscribers that somebody joined."""
        await self.link.publish(self._keys.channel(channel), JOIN + encode_info(info))

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        """Tell all instances' subscribers that somebody left."""
        await self.link.publish(self._keys.channel(channel), LEAVE + encode_info(info))

    async def subscribe(self, channel: str) -> None:
        """Begin to hand on what is published into the channel."""
        self._serving()
        self._seen.follow(channel)
        try:
            await self.feed.listen(self._keys.channel(channel), self._take)
        except BaseException:
            self._seen.leave(channel)
            raise

    async def unsubscribe(self, channel: str) -> None:
        """Stop handing on."""
        self._seen.leave(channel)
        await self.feed.ignore(self._keys.channel(channel))

    # Public methods: history

    async def history(self, channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        """Return publications and the top position; see `Broker.history`."""
        self._serving()
        return await self._history.read(channel, query, meta_ttl)

    async def reconcile(self, channel: str, seen: StreamPosition) -> None:
        """Make sure that the stream can go on behind a position that was seen of it; see `Broker.reconcile`."""
        self._serving()
        await self._history.reconcile(channel, self._history.doubts_of(channel, seen))

    async def history_remove(self, channel: str) -> None:
        """Forget the publications; position and epoch stay."""
        self._serving()
        await self._history.remove(channel)

    # Private methods

    def _serving(self) -> BrokerHandler:
        if self._handler is None:
            raise BrokerError("broker_unavailable", "the broker has not started or has stopped", is_undone=True)
        return self._handler

    def _take(self, channel: bytes, message: bytes) -> None:
        """Hand a message on to the handler."""
        handler = self._handler
        if handler is None:
            return
        name, kind = self._keys.name_of(channel), message[:1]
        try:
            if kind == PUBLICATION:
                self._take_publication(handler, name, message)
            elif kind == JOIN:
                handler.on_join(name, decode_info(message[1:]))
            elif kind == LEAVE:
                handler.on_leave(name, decode_info(message[1:]))
            elif kind == NEW_EPOCH:
                handler.on_resumed((name,))  # whoever follows the old one finds out from history
        except (ValueError, msgspec.DecodeError) as error:
            _log.warning("broker.foreign_message", slug="broker_foreign_key", channel=name, reason=str(error))

    def _take_publication(self, handler: BrokerHandler, name: str, message: bytes) -> None:
        head, publication = decode_message(message)
        if not head.offset:
            handler.on_publication(name, publication, NO_POSITION, head.use_delta)
            return
        seen = Seen(head.epoch, head.offset, head.run)
        if self._seen.note(name, seen):
            self._reconciler.doubt(name, seen)
        handler.on_publication(name, publication, StreamPosition(head.offset, head.epoch), head.use_delta)

    def _leave(self, address: Address) -> None:
        """Listen where the master is now: one that was replaced may keep its connections."""
        self.feed.leave(address)
        self.messages.leave(address)

    def _look_at_all(self) -> None:
        """Look at each stream that was seen under a run that is over: its master may have come back older."""
        self._reconciler.add(self._seen.of_other_runs(self.link.runs))

    def _resume(self, channels: Collection[bytes]) -> None:
        self._tell_resumed([self._keys.name_of(one) for one in channels])

    def _tell_resumed(self, names: Collection[str]) -> None:
        if self._handler is not None and names:
            self._handler.on_resumed(names)
