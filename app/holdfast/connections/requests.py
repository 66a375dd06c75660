"""Commands of a client that change nothing of its own: publish, presence, history, rpc, send, ping."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from holdfast.broker.base import HistoryFilter
from holdfast.channels import permissions
from holdfast.channels.namespaces import ResolvedChannel
from holdfast.connections.publishing import DEFAULT_TERMS, PublishTerms
from holdfast.errors import BrokerError, ChannelError, ProtocolError
from holdfast.protocol.commands import (
    ChannelRequest,
    HistoryRequest,
    PingRequest,
    PublishRequest,
    RpcRequest,
    SendRequest,
)
from holdfast.protocol.messages import (
    NONE,
    EmptyResult,
    HistoryResult,
    PresenceResult,
    PresenceStatsResult,
    Reply,
    RpcResult,
    StreamPosition,
)

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection
    from holdfast.settings import ChannelOptions


async def publish(connection: Connection, command_id: int, request: PublishRequest) -> None:
    """Publish into a channel that lets this client do so."""
    resolved = _resolve(connection, request.channel, "publish")
    if not request.data and resolved.options.publication_data_format != "binary":
        raise ProtocolError("malformed_command", "publish needs data")
    backend, data, terms = connection.core.backend, request.data, DEFAULT_TERMS
    is_json = not connection.encoding.codec.binary
    if backend is not None and backend.checks_publications(resolved):
        admitted = await backend.publish(connection, resolved, data)
        terms = admitted.terms
        if admitted.data is not None:
            data, is_json = admitted.data, admitted.is_json
    else:
        is_mine = request.channel in connection.subs
        _demand(resolved, permissions.can_publish(resolved, connection.user, subscribed=is_mine))
    mine = connection.subs.get(request.channel)
    info = connection.client_info(mine.info if mine else NONE)
    make = partial(connection.core.publisher.publish, request.channel, data, terms, info, is_json=is_json)
    await connection.core.retries.run(make, partial(_may_publish_again, terms))
    connection.reply(Reply(id=command_id, publish=EmptyResult()))


async def presence(connection: Connection, command_id: int, request: ChannelRequest) -> None:
    """Tell who is subscribed."""
    _demand_presence(connection, request, "presence")
    present = await connection.core.retries.run(partial(connection.core.broker.presence, request.channel))
    connection.reply(Reply(id=command_id, presence=PresenceResult(present)))


async def presence_stats(connection: Connection, command_id: int, request: ChannelRequest) -> None:
    """Tell how many are subscribed."""
    _demand_presence(connection, request, "presence_stats")
    stats = await connection.core.retries.run(partial(connection.core.broker.presence_stats, request.channel))
    connection.reply(Reply(id=command_id, presence_stats=PresenceStatsResult(stats.clients, stats.users)))


async def history(connection: Connection, command_id: int, request: HistoryRequest) -> None:
    """Return publications of a channel's history and its top position."""
    resolved = _resolve(connection, request.channel, "history")
    options = resolved.options
    if not options.history_size or not options.history_ttl:
        raise ChannelError("not_available", "the channel's namespace keeps no history")
    _demand(resolved, permissions.can_history(resolved, connection.user, subscribed=request.channel in connection.subs))
    demand_codec(connection, options)
    since = StreamPosition(request.since.offset, request.since.epoch) if request.since else None
    if since is not None and since.offset == 0 and request.reverse:
        raise ProtocolError("bad_request", "history cannot go back from offset 0")
    most = connection.core.client.history_max_publication_limit
    limit = request.limit if 0 <= request.limit <= most else most
    query = HistoryFilter(limit, since, request.reverse)
    read = partial(connection.core.broker.history, request.channel, query, options.history_meta_ttl)
    found = await connection.core.retries.run(read)
    result = HistoryResult(found.publications, found.position.epoch, found.position.offset)
    connection.reply(Reply(id=command_id, history=result))


async def rpc(connection: Connection, command_id: int, request: RpcRequest) -> None:
    """Let the user's backend answer a call."""
    backend = connection.core.backend
    if backend is None:
        raise ChannelError("not_available", f"nothing is configured to answer the method {request.method[:64]!r}")
    data = await backend.rpc(connection, request.method, request.data)
    connection.reply(Reply(id=command_id, rpc=RpcResult(data)))


async def send(connection: Connection, command_id: int, request: SendRequest) -> None:
    """Refuse a message: nothing takes messages here."""
    raise ChannelError("not_available_close", "nothing is configured to take messages from clients")


async def ping(connection: Connection, command_id: int, request: PingRequest) -> None:
    """Answer at once: clients measure the round trip by it, and whether anybody is still there."""
    connection.reply(Reply(id=command_id, ping=EmptyResult()))


def demand_codec(connection: Connection, options: ChannelOptions) -> None:
    """Keep publications that may be no JSON from a connection that speaks it: it could not read them.

    Raises:
        ChannelError: `binary_channel`.
    """
    if options.publication_data_format == "binary" and not connection.encoding.codec.binary:
        raise ChannelError("binary_channel", "the channel's publications may be any bytes, and JSON cannot carry them")


def _demand_presence(connection: Connection, request: ChannelRequest, method: str) -> None:
    resolved = _resolve(connection, request.channel, method)
    if not resolved.options.presence:
        raise ChannelError("not_available", "the channel's namespace keeps no presence")
    _demand(
        resolved, permissions.can_presence(resolved, connection.user, subscribed=request.channel in connection.subs)
    )


def _may_publish_again(terms: PublishTerms, error: Exception) -> bool:
    """Tell whether a repeated publication cannot become two of them."""
    return bool(terms.idempotency_key or terms.version) or (isinstance(error, BrokerError) and error.is_undone)


def _resolve(connection: Connection, channel: str, method: str) -> ResolvedChannel:
    if not channel:
        raise ProtocolError("malformed_command", f"{method} needs a channel")
    return connection.core.rules.resolve_for_client(channel)


def _demand(resolved: ResolvedChannel, refusal: str | None) -> None:
    if refusal is not None:
        raise ChannelError(refusal, permissions.denial(resolved))
