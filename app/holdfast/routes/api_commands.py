"""The methods of the server API that publish and read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from msgspec import Raw

from holdfast.broker.base import Broker, HistoryFilter
from holdfast.channels.namespaces import ChannelRules, ResolvedChannel
from holdfast.connections.backend import Backend
from holdfast.connections.publish_queue import PublishQueue
from holdfast.connections.publishing import Publisher, PublishTerms
from holdfast.errors import ChannelError, GatewayError, ProtocolError
from holdfast.protocol.messages import Publication, StreamPosition
from holdfast.routes import api_messages as api
from holdfast.routes.api import error_of
from holdfast.routes.api_payloads import binary_publication, optional_payload, published_payload

TURN = 100
"""Publications one request makes before others get their turn of the event loop."""

CountChannels = Callable[[str], Awaitable[tuple[Mapping[str, int], list[str]]]]
"""From a glob to channels with their subscribers, and the instances that did not answer."""


@dataclass(frozen=True, slots=True)
class Services:
    """What these methods work with.

    `nodes` and `channels` tell of all instances, `backend` answers rpc where there is one.
    """

    rules: ChannelRules
    publisher: Publisher
    queue: PublishQueue
    broker: Broker
    nodes: Callable[[], Awaitable[list[api.Node]]]
    channels: CountChannels
    backend: Backend | None = None


class ApiCommands:
    """Takes decoded requests and returns results; raises a GatewayError for what cannot be done."""

    def __init__(self, services: Services) -> None:
        self._rules = services.rules
        self._publisher = services.publisher
        self._queue = services.queue
        self._broker = services.broker
        self._nodes = services.nodes
        self._channels = services.channels
        self._backend = services.backend

    async def publish(self, request: api.PublishRequest) -> api.PublishResult:
        """Publish into one channel, or, asked to be `async`, promise to."""
        payload = published_payload(request.data, request.b64data)
        return await self._publish(request.channel, payload, _terms(request), is_async=bool(request.is_async))

    async def broadcast(self, request: api.BroadcastRequest) -> api.BroadcastResult:
        """Publish the same data into many channels; one that fails does not stop the others."""
        if not request.channels:
            raise ProtocolError("bad_request", "Expected channel names in `channels`, came none.")
        payload = published_payload(request.data, request.b64data)
        terms = _terms(request)
        responses: list[api.PublishResponse] = []
        for count, channel in enumerate(request.channels, 1):
            try:
                result = await self._publish(channel, payload, terms, is_async=bool(request.is_async))
                responses.append(api.PublishResponse(result=result))
            except GatewayError as error:
                responses.append(api.PublishResponse(error=error_of(error)))
            if count % TURN == 0:
                await asyncio.sleep(0)
        return api.BroadcastResult(responses)

    async def presence(self, request: api.ChannelRequest) -> api.PresenceResult:
        """Tell who is subscribed, by client id."""
        self._check_presence(request.channel)
        return api.PresenceResult(dict(await self._broker.presence(request.channel)))

    async def presence_stats(self, request: api.ChannelRequest) -> api.PresenceStatsResult:
        """Tell how many are subscribed."""
        self._check_presence(request.channel)
        stats = await self._broker.presence_stats(request.channel)
        return api.PresenceStatsResult(stats.clients, stats.users)

    async def history(self, request: api.HistoryRequest) -> api.HistoryResult:
        """Return publications and the stream's top position."""
        resolved = self._check_history(request.channel)
        since = position_of(request.since)
        if since is not None and since.offset == 0 and request.reverse:
            raise ProtocolError("bad_request", "Expected `since.offset` above 0 to go back from, came 0.")
        query = HistoryFilter(request.limit or 0, since, bool(request.reverse))
        found = await self._broker.history(request.channel, query, resolved.options.history_meta_ttl)
        publications: list[Publication] | list[api.BinaryPublication] = found.publications
        if resolved.options.publication_data_format == "binary":
            publications = [binary_publication(one) for one in found.publications]
        return api.HistoryResult(publications, found.position.offset, found.position.epoch)

    async def history_remove(self, request: api.ChannelRequest) -> api.EmptyResult:
        """Forget a channel's publications; its position stays."""
        self._check_history(request.channel)
        await self._broker.history_remove(request.channel)
        return api.EmptyResult()

    async def channels(self, request: api.ChannelsRequest) -> api.ChannelsResult:
        """List channels with subscribers on any instance."""
        found, missing = await self._channels(request.pattern or "")
        return api.ChannelsResult({name: api.ChannelInfo(count) for name, count in found.items()}, missing)

    async def info(self, request: api.InfoRequest) -> api.InfoResult:
        """Describe the running instances."""
        return api.InfoResult(await self._nodes())

    async def rpc(self, request: api.RpcRequest) -> api.RpcResult:
        """Let the user's backend answer a call, as it answers a client's."""
        if not request.method:
            raise ProtocolError("bad_request", "Expected a method in `method`, came nothing.")
        if self._backend is None:
            raise ChannelError("not_available", "Nothing is configured to answer rpc.")
        params = optional_payload("params", request.params)
        return api.RpcResult(
            await self._backend.rpc(None, request.method, params or optional_payload("data", request.data))
        )

    # Private methods

    async def _publish(
        self, channel: str, payload: tuple[Raw, bool], terms: PublishTerms, *, is_async: bool
    ) -> api.PublishResult:
        required_channel(channel)
        data, is_json = payload
        if is_async:
            self._queue.add(channel, data, terms, is_json=is_json)
            return api.PublishResult()
        result = await self._publisher.publish(channel, data, terms, is_json=is_json)
        return api.PublishResult(result.position.offset, result.position.epoch)

    def _check_presence(self, channel: str) -> None:
        if not self._rules.resolve(required_channel(channel)).options.presence:
            raise ChannelError("not_available", "The channel's namespace keeps no presence.")

    def _check_history(self, channel: str) -> ResolvedChannel:
        resolved = self._rules.resolve(required_channel(channel))
        if not resolved.options.history_size or not resolved.options.history_ttl:
            raise ChannelError("not_available", "The channel's namespace keeps no history.")
        return resolved


def required_channel(channel: str) -> str:
    """Return the name of a channel that a request must give.

    Raises:
        ProtocolError: `bad_request`.
    """
    if not channel:
        raise ProtocolError("bad_request", "Expected a channel name in `channel`, came nothing.")
    return channel


def position_of(position: api.Position | None) -> StreamPosition | None:
    """Return a request's position as brokers take it."""
    return None if position is None else StreamPosition(position.offset, position.epoch)


def _terms(request: api.PublishRequest | api.BroadcastRequest) -> PublishTerms:
    return PublishTerms(
        skip_history=bool(request.skip_history),
        idempotency_key=request.idempotency_key or "",
        version=request.version or 0,
        version_epoch=request.version_epoch or "",
        tags=request.tags or None,
        delta=bool(request.delta),
    )
