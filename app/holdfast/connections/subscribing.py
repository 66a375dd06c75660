"""How a subscription begins and ends, with recovery from a position.

It begins in three steps, so that several may begin at once and nothing is lost or doubled between history and the
live stream: `prepare` asks broker and history while live publications are collected, `commit` (never suspends) joins
both and enters the hub, `announce` follows the reply.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from holdfast.broker.base import NO_POSITION, HistoryFilter
from holdfast.channels import permissions
from holdfast.channels.namespaces import ResolvedChannel
from holdfast.connections.subscription import (
    ANNOUNCED,
    POSITIONED,
    PRESENT,
    RECOVERABLE,
    REFRESHABLE,
    STREAM,
    WATCHES,
    Asked,
    Grant,
    Subscription,
    decide,
    subscription,
)
from holdfast.errors import ChannelError, LifecycleError, ProtocolError, TokenError
from holdfast.protocol.messages import (
    NONE,
    ChannelRequest,
    EmptyResult,
    Publication,
    Push,
    Reply,
    StreamPosition,
    SubRefreshRequest,
    SubRefreshResult,
    SubscribeRequest,
    SubscribeResult,
    UnsubscribePush,
)

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

# Bit of `SubscribeRequest.flag` by which a client asks for error 112 instead of a gap (the SDKs' rejectUnrecovered).
REJECT_UNRECOVERED = 2


@dataclass(slots=True)
class Pending:
    """A subscription between `prepare` and `commit`."""

    channel: str
    request: SubscribeRequest
    grant: Grant
    flags: int
    buffer: list[Publication]
    position: StreamPosition = NO_POSITION
    missed: list[Publication] | None = None  # None: not recovered


# Public functions: commands


async def subscribe(connection: Connection, command_id: int, request: SubscribeRequest) -> None:
    """Answer a client's subscribe."""
    channel = request.channel
    if not channel:
        raise ProtocolError("malformed_command", "subscribe needs a channel")
    if channel in connection.subs:
        raise ChannelError("already_subscribed", f"the connection is subscribed to {channel!r}")
    check_channel_limit(connection, "channel_limit")
    resolved = connection.core.rules.resolve(channel)
    grant = await _grant(connection, resolved, request)
    pending = await prepare(connection, channel, _allowed(connection, resolved, request), grant)
    if connection.closed:
        abandon(connection, [pending])
        return
    result = commit(connection, pending)
    connection.reply(Reply(id=command_id, subscribe=result))
    push_rest(connection, pending)
    await announce(connection, pending)


async def unsubscribe(connection: Connection, command_id: int, request: ChannelRequest) -> None:
    """Answer a client's unsubscribe; a channel without subscription is no error."""
    if not request.channel:
        raise ProtocolError("malformed_command", "unsubscribe needs a channel")
    await leave(connection, request.channel)
    connection.reply(Reply(id=command_id, unsubscribe=EmptyResult()))


async def sub_refresh(connection: Connection, command_id: int, request: SubRefreshRequest) -> None:
    """Prolong a subscription by a fresh token."""
    if not request.channel:
        raise ProtocolError("malformed_command", "sub_refresh needs a channel")
    current = connection.subs.get(request.channel)
    if current is None:
        raise ChannelError("not_subscribed", f"the connection is not subscribed to {request.channel!r}")
    if not current.flags & REFRESHABLE:
        raise ProtocolError("bad_request", "the subscription did not begin by a token")
    claims = await connection.core.validator.validate_subscription(
        request.token, channel=request.channel, user=connection.user, client=connection.client
    )
    if request.channel in connection.subs:
        info = claims.info or NONE
        connection.subs[request.channel] = Subscription(current.flags, info, claims.expire_at)
        connection.core.expiry.watch_subscription(connection, request.channel, claims.expire_at)
    expires, ttl = _life(connection, claims.expire_at)
    connection.reply(Reply(id=command_id, sub_refresh=SubRefreshResult(expires, ttl)))


# Public functions: the steps


async def prepare(connection: Connection, channel: str, request: SubscribeRequest, grant: Grant) -> Pending:
    """Make the broker deliver the channel, and read what the subscription starts with.

    Live publications are collected from here on; `commit` or `abandon` must follow.
    """
    core = connection.core
    options = core.rules.resolve(channel).options
    asked = Asked(request.positioned, request.recoverable, request.join_leave)
    flags = decide(options, grant, asked)
    await core.feed.acquire(channel)
    pending = Pending(channel, request, grant, flags, core.hub.begin(channel))
    try:
        if flags & STREAM:
            await _read_stream(connection, pending, options.history_meta_ttl)
        if flags & PRESENT:
            info = connection.client_info(grant.info)
            await core.broker.add_presence(channel, connection.client, info, core.presence_ttl)
    except BaseException:
        abandon(connection, [pending])
        raise
    return pending


def commit(connection: Connection, pending: Pending) -> SubscribeResult:
    """Enter the hub and return the terms; the reply must be written before anything is awaited."""
    core, channel, flags = connection.core, pending.channel, pending.flags
    result = _terms(connection, pending)
    connection.subs[channel] = subscription(flags, pending.grant)
    core.hub.add(channel, connection, watches=bool(flags & WATCHES))
    if flags & STREAM:
        core.hub.set_position(channel, pending.position, core.clock())
    core.hub.end(channel, pending.buffer)
    if flags & PRESENT:
        core.presence.add(connection)
    core.expiry.watch_subscription(connection, channel, pending.grant.expire_at)
    core.stats.subscribed(pending.request.recover and bool(flags & RECOVERABLE), pending.missed is not None)
    return result


def abandon(connection: Connection, pending: list[Pending]) -> None:
    """Undo `prepare` for subscriptions that will not be committed."""
    for one in pending:
        connection.core.hub.end(one.channel, one.buffer)
        connection.core.release_channel(one.channel)
        if one.flags & PRESENT:
            connection.core.spawn(connection.core.broker.remove_presence(one.channel, connection.client))


def push_rest(connection: Connection, pending: Pending) -> None:
    """Push what was published between the read position and the hub's taking over."""
    for publication in pending.buffer:
        connection.push(Push(channel=pending.channel, pub=publication))


async def announce(connection: Connection, pending: Pending) -> None:
    """Tell the channel that somebody joined."""
    if pending.flags & ANNOUNCED and not connection.closed:
        info = connection.client_info(pending.grant.info)
        await connection.core.broker.publish_join(pending.channel, info)


async def leave(connection: Connection, channel: str) -> bool:
    """End a subscription without a word to its client; tell whether there was one."""
    ended = _take_out(connection, channel)
    if ended is None:
        return False
    await farewell(connection, channel, ended)
    return True


async def farewell(connection: Connection, channel: str, ended: Subscription) -> None:
    """Take a subscription that left the hub out of presence, joins and the broker's feed."""
    core = connection.core
    try:
        if ended.flags & PRESENT:
            await core.broker.remove_presence(channel, connection.client)
        if ended.flags & ANNOUNCED:
            await core.broker.publish_leave(channel, connection.client_info(ended.info))
    finally:
        core.release_channel(channel)


async def cancel(connection: Connection, channel: str, slug: str) -> None:
    """End a subscription from the server's side and tell the client why.

    The subscription is gone before the push leaves: SDKs answer 2500 and above by subscribing anew at once.
    """
    ended = _take_out(connection, channel)
    if ended is None:
        return
    number = LifecycleError(slug).code.number
    connection.push(Push(channel=channel, unsubscribe=UnsubscribePush(number, slug)))
    await farewell(connection, channel, ended)


def check_channel_limit(connection: Connection, slug: str) -> None:
    """Raise `ChannelError(slug)` where one more channel would be too many."""
    limit = connection.core.client.channel_limit
    if len(connection.subs) >= limit:
        raise ChannelError(slug, f"a client may be subscribed to {limit} channels")


# Private functions


def _take_out(connection: Connection, channel: str) -> Subscription | None:
    ended = connection.subs.pop(channel, None)
    if ended is not None:
        connection.core.hub.remove(channel, connection)
        connection.core.expiry.forget_subscription(connection, channel)
        connection.core.stats.unsubscribed(1)
    return ended


async def _grant(connection: Connection, resolved: ResolvedChannel, request: SubscribeRequest) -> Grant:
    """Decide whether the client may subscribe, and on what terms."""
    if request.token:
        claims = await connection.core.validator.validate_subscription(
            request.token, channel=request.channel, user=connection.user, client=connection.client
        )
        return Grant(claims.info or NONE, claims.data or NONE, claims.expire_at, claims.overrides, by_token=True)
    refusal = permissions.can_subscribe(resolved, connection.user)
    if refusal is not None:
        raise TokenError(refusal) if refusal in TokenError.slugs else ChannelError(refusal)
    return Grant()


def _allowed(connection: Connection, resolved: ResolvedChannel, request: SubscribeRequest) -> SubscribeRequest:
    """Cut what the client asks for down to what it may have; nobody is refused for asking."""
    options = resolved.options
    may_history = permissions.can_history(resolved, connection.user, subscribed=True) is None
    may_presence = permissions.can_presence(resolved, connection.user, subscribed=True) is None
    request.positioned = request.positioned and (options.allow_positioning or may_history)
    request.recoverable = request.recoverable and (options.allow_recovery or may_history)
    request.join_leave = request.join_leave and may_presence
    return request


async def _read_stream(connection: Connection, pending: Pending, meta_ttl: float) -> None:
    """Read the top position, and what was missed where the client wants to recover."""
    core, request = connection.core, pending.request
    recovers = request.recover and bool(pending.flags & RECOVERABLE)
    limit = core.client.recovery_max_publication_limit if recovers else 0
    since = StreamPosition(request.offset, request.epoch) if recovers else None
    try:
        history = await core.broker.history(pending.channel, HistoryFilter(limit, since), meta_ttl)
    except ChannelError:
        history = await core.broker.history(pending.channel, HistoryFilter(0), meta_ttl)
        recovers = False
    pending.position = history.position
    if recovers and _is_gapless(request, history.publications, history.position):
        pending.missed = list(history.publications)
    elif request.recover and request.flag & REJECT_UNRECOVERED:
        raise ChannelError("unrecoverable_position", f"the stream is at {history.position.offset}")
    _merge(pending)


def _is_gapless(request: SubscribeRequest, found: list[Publication], top: StreamPosition) -> bool:
    if request.epoch and request.epoch != top.epoch:
        return False
    if not found:
        return request.offset == top.offset
    return found[0].offset == request.offset + 1 and found[-1].offset == top.offset


def _merge(pending: Pending) -> None:
    """Add what was published while history was read; the buffer keeps only what must follow the reply."""
    later = [one for one in pending.buffer if not one.offset or one.offset > pending.position.offset]
    if pending.missed is None:
        pending.buffer[:] = later
        return
    for one in later:
        if one.offset:
            pending.missed.append(one)
            pending.position = StreamPosition(one.offset, pending.position.epoch)
    pending.buffer[:] = [one for one in later if not one.offset]


def _terms(connection: Connection, pending: Pending) -> SubscribeResult:
    flags, request = pending.flags, pending.request
    expires, ttl = _life(connection, pending.grant.expire_at)
    result = SubscribeResult(expires=expires, ttl=ttl, data=pending.grant.data, was_recovering=request.recover)
    if flags & STREAM:
        _merge(pending)
        result.positioned = bool(flags & POSITIONED)
        result.recoverable = bool(flags & RECOVERABLE)
        result.offset, result.epoch = pending.position
        if pending.missed is not None:
            result.recovered = True
            result.publications = pending.missed
            result.offset = request.offset
    return result


def _life(connection: Connection, expire_at: int) -> tuple[bool, int]:
    if not expire_at:
        return False, 0
    return True, max(1, round(expire_at - connection.core.wall_clock()))
