"""How a subscription begins and ends.

It begins in steps, so that several may begin at once and nothing is lost or doubled between history and the live
stream: `prepare` asks broker and history while live publications are collected; `verify` joins both and `commit`
enters the hub, without waiting between them; `follow_up` comes behind the reply.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from holdfast.channels import permissions
from holdfast.channels.namespaces import ResolvedChannel
from holdfast.connections.recovery import Pending, negotiate, read_stream, settle
from holdfast.connections.requests import demand_codec
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
from holdfast.protocol.commands import ChannelRequest, SubRefreshRequest, SubscribeRequest
from holdfast.protocol.deltas import DELTA_TYPES, chain, whole
from holdfast.protocol.messages import (
    NONE,
    EmptyResult,
    Push,
    Reply,
    SubRefreshResult,
    SubscribeResult,
    UnsubscribePush,
)

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

# Public functions: commands


async def subscribe(connection: Connection, command_id: int, request: SubscribeRequest) -> None:
    """Answer a client's subscribe."""
    channel = request.channel
    if not channel:
        raise ProtocolError("malformed_command", "subscribe needs a channel")
    if request.delta not in ("", *DELTA_TYPES):
        raise ProtocolError("delta_unknown", f"expected a delta of {DELTA_TYPES}, came {request.delta[:64]!r}")
    _demand_new(connection, channel)
    check_channel_limit(connection, "channel_limit")
    resolved = connection.core.rules.resolve_for_client(channel)
    grant = await _grant(connection, resolved, request)
    pending = await prepare(connection, channel, _allowed(connection, resolved, request), grant)
    if connection.closed:
        abandon(connection, [pending])
        return
    verify(connection, [pending])
    result = commit(connection, pending)
    connection.reply(Reply(id=command_id, subscribe=result))
    follow_up(connection, pending)


async def unsubscribe(connection: Connection, command_id: int, request: ChannelRequest) -> None:
    """Answer a client's unsubscribe; a channel without subscription is no error."""
    if not request.channel:
        raise ProtocolError("malformed_command", "unsubscribe needs a channel")
    ended = _take_out(connection, request.channel)
    # At once, so that nothing said of a later subscription can come before it.
    connection.reply(Reply(id=command_id, unsubscribe=EmptyResult()))
    if ended is not None:
        await farewell(connection, request.channel, ended)


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
    current = connection.subs.get(request.channel)
    if current is None:
        raise ChannelError("not_subscribed", "the subscription ended while its token was being checked")
    connection.subs[request.channel] = Subscription(current.flags, claims.info or NONE, claims.expire_at)
    connection.core.expiry.watch_subscription(connection, request.channel, claims.expire_at)
    expires, ttl = _life(connection, claims.expire_at)
    connection.reply(Reply(id=command_id, sub_refresh=SubRefreshResult(expires, ttl)))


# Public functions: the steps


async def prepare(connection: Connection, channel: str, request: SubscribeRequest, grant: Grant) -> Pending:
    """Make the broker deliver the channel, and read what the subscription starts with.

    Live publications are collected from here on; `verify` and `commit`, or `abandon`, must follow.
    """
    core = connection.core
    options = core.rules.resolve(channel).options
    demand_codec(connection, options)
    asked = Asked(request.positioned, request.recoverable, request.join_leave)
    flags = decide(options, grant, asked)
    if _is_refreshed_here(connection, channel):
        flags &= ~REFRESHABLE
    await core.retries.run(partial(core.feed.acquire, channel))
    pending = Pending(channel, request, grant, flags, core.hub.begin(channel))
    try:
        negotiate(pending, options)
        if flags & STREAM:
            limit = core.client.recovery_max_publication_limit
            await core.retries.run(partial(read_stream, core.broker, pending, limit, options.history_meta_ttl))
        if flags & PRESENT:
            await _enter(connection, pending)
    except BaseException:
        abandon(connection, [pending])
        raise
    return pending


def verify(connection: Connection, pending: list[Pending], full_slug: str = "channel_limit") -> None:
    """Make sure that `commit` may follow, at once and for all; else undo `prepare`.

    Raises:
        ChannelError: `already_subscribed`, `full_slug` or `conflict`, for what happened since `prepare`.
    """
    try:
        for one in pending:
            _demand_new(connection, one.channel)
            check_channel_limit(connection, full_slug)
            one.after = settle(one, connection.core.hub.position(one.channel))
    except ChannelError:
        abandon(connection, pending)
        raise


def commit(connection: Connection, pending: Pending) -> SubscribeResult:
    """Enter the hub and return the terms; the reply must be written before anything is awaited."""
    core, channel, flags = connection.core, pending.channel, pending.flags
    connection.subs[channel] = subscription(flags, pending.grant)
    core.hub.end(channel, pending.buffer)
    watches, tailoring = bool(flags & WATCHES), pending.tailoring
    core.hub.add(channel, connection, watches=watches, after=pending.after, tailoring=tailoring)
    if flags & STREAM:
        core.hub.mark_checked(channel, core.clock())
    if flags & PRESENT:
        core.membership.hand_on(channel, connection.client)
        core.presence.add(connection)
    core.expiry.watch_subscription(connection, channel, pending.grant.expire_at)
    core.stats.subscribed(pending.recovers, pending.missed is not None)
    return _terms(connection, pending)


def abandon(connection: Connection, pending: list[Pending]) -> None:
    """Undo `prepare` for subscriptions that will not be committed."""
    core = connection.core
    for one in pending:
        core.hub.end(one.channel, one.buffer)
        core.release_channel(one.channel)
        if one.has_turn:
            core.spawn(core.membership.undo(one.channel, connection.client))


def follow_up(connection: Connection, pending: Pending) -> None:
    """Push what was published between the read position and the hub's taking over, and tell the channel of the join."""
    rest = pending.rest
    if rest and pending.has_deltas:
        rest = [whole(publication, connection.encoding.codec) for publication in rest]
    for publication in rest:
        connection.push(Push(channel=pending.channel, pub=publication))
    if pending.flags & ANNOUNCED:
        info = connection.client_info(pending.grant.info)
        connection.core.spawn(connection.core.membership.announce(pending.channel, info))


async def farewell(connection: Connection, channel: str, ended: Subscription) -> None:
    """Take a subscription that left the hub out of presence, joins and the broker's feed."""
    try:
        if ended.flags & (PRESENT | ANNOUNCED):
            info, is_present = connection.client_info(ended.info), partial(connection.is_present_in, channel)
            await connection.core.membership.withdraw(channel, info, ended.flags, is_present)
    finally:
        connection.core.release_channel(channel)


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


def _demand_new(connection: Connection, channel: str) -> None:
    if channel in connection.subs:
        raise ChannelError("already_subscribed", f"the connection is subscribed to {channel!r}")


async def _enter(connection: Connection, pending: Pending) -> None:
    """Enter the client into presence, once it is out of it from a subscription before."""
    membership, channel = connection.core.membership, pending.channel
    await membership.take_turn(channel, connection.client)
    if channel in connection.subs:
        membership.hand_on(channel, connection.client)
        _demand_new(connection, channel)
    pending.has_turn = True
    info = connection.client_info(pending.grant.info)
    await connection.core.retries.run(partial(membership.enter, channel, info))


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
    backend = connection.core.backend
    if backend is not None and backend.admits(resolved):
        return await backend.subscribe(connection, resolved, request)
    refusal = permissions.can_subscribe(resolved, connection.user)
    if refusal == "subscription_token_missing":
        # Some SDKs write an empty token where the application has none.
        raise TokenError(refusal if request.token is None else "subscription_token_empty")
    if refusal is not None:
        raise ChannelError(refusal, permissions.denial(resolved))
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


def _terms(connection: Connection, pending: Pending) -> SubscribeResult:
    flags, request = pending.flags, pending.request
    # A client that is told of the end would ask for a token that nobody needs.
    told_end = 0 if _is_refreshed_here(connection, pending.channel) else pending.grant.expire_at
    expires, ttl = _life(connection, told_end)
    result = SubscribeResult(expires=expires, ttl=ttl, data=pending.grant.data, was_recovering=request.recover)
    result.delta = pending.has_deltas
    if flags & STREAM:
        result.positioned = bool(flags & POSITIONED)
        result.recoverable = bool(flags & RECOVERABLE)
        result.offset, result.epoch = pending.position
        if pending.missed is not None:
            result.recovered = True
            result.publications = pending.missed
            if pending.has_deltas:
                result.publications = chain(pending.missed, connection.encoding.codec)
            result.offset = request.offset
    return result


def _is_refreshed_here(connection: Connection, channel: str) -> bool:
    """Tell whether the server prolongs subscriptions to this channel itself."""
    refresher = connection.core.expiry.refresher
    return refresher is not None and refresher.takes_subscription(channel)


def _life(connection: Connection, expire_at: int) -> tuple[bool, int]:
    if not expire_at:
        return False, 0
    return True, max(1, round(expire_at - connection.core.wall_clock()))
