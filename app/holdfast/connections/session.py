"""The session of a connection: connect opens it, refresh prolongs it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Raw

from holdfast import __version__
from holdfast.auth.claims import ANONYMOUS, ConnectionClaims, SubscribeOptions
from holdfast.auth.locate import locate_token, passed_over_cookie
from holdfast.connections import client_id, subscribing, traces
from holdfast.connections.recovery import Pending
from holdfast.connections.subscription import FROM_TOKEN, Grant
from holdfast.errors import CapacityError, ChannelError, LifecycleError, ProtocolError, TokenError
from holdfast.protocol.commands import ConnectRequest, RefreshRequest, SubscribeRequest
from holdfast.protocol.messages import NONE, ConnectResult, RefreshResult, Reply, Welcome

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection
    from holdfast.connections.core import Core
    from holdfast.connections.transport import Handshake

# No subscription asked for: what a server-side channel starts with when the client has no position to recover from.
_FRESH = SubscribeRequest()


class _Arrival(NamedTuple):
    """Who comes: what a token or the user's backend says; `data` is the backend's for the client."""

    claims: ConnectionClaims
    data: Raw = NONE
    is_proxied: bool = False


async def connect(connection: Connection, command_id: int, request: ConnectRequest) -> None:
    """Open the session: who is it, which channels does the token bring, and what was missed in them."""
    if connection.is_connected:
        raise ProtocolError("already_connected", "the session is open")
    clock = connection.core.exact_clock
    came_at = clock()
    handshake = _begin(connection, request, came_at)
    arrival = await _authenticate(connection, handshake, request)
    handshake.passed("token", clock())
    claims = arrival.claims
    connection.user = claims.user
    _admit(connection, arrival)
    connection.info = claims.info or NONE
    connection.expire_at = claims.expire_at
    pending = await _prepare_subscriptions(connection, arrival, request.subs or {})
    if connection.closed:
        subscribing.abandon(connection, pending)
        return
    if (backend := connection.core.backend) is not None:
        backend.remember(connection, request, claims.meta)
    handshake.passed("connect", clock())
    connection.core.manager.register(connection, claims.jti)
    result = _result(connection, request)
    result.data = arrival.data
    if pending:
        result.subs = {one.channel: subscribing.commit(connection, one) for one in pending}
    connection.reply(Reply(id=command_id, connect=result))
    _note(connection.core, handshake, came_at)
    for one in pending:
        subscribing.follow_up(connection, one)


def _begin(connection: Connection, request: ConnectRequest, came_at: float) -> Handshake:
    handshake = connection.handshake
    if handshake is None:
        raise ProtocolError("already_connected", "the session is ending")
    if "command" not in handshake.timings:  # one that was sent for a fresh token comes again
        handshake.passed("command", came_at)
    connection.client = client_id.make(connection.core.wall_clock())
    connection.agent = connection.core.agents.share(request.name, request.version)
    # JSON alone has the object that says so, and the push that asks for it.
    handshake.can_migrate = request.holdfast is not None and request.holdfast.can_migrate
    return handshake


def _note(core: Core, handshake: Handshake, came_at: float) -> None:
    core.timings.note(handshake, came_at, core.exact_clock())
    core.sightings.note(handshake)


async def refresh(connection: Connection, command_id: int, request: RefreshRequest) -> None:
    """Prolong the session by a fresh token of the same user."""
    if _is_refreshed_here(connection):
        raise ProtocolError("bad_request", "sessions are prolonged from the server's side here")
    claims = await connection.core.validator.validate_refresh(request.token, user=connection.user)
    if connection.closed:
        return
    if _channels_changed(connection, claims):
        raise LifecycleError("insufficient_state", "the new token brings other channels; a new session gets them")
    connection.info = claims.info or NONE
    if connection.core.backend is not None:
        connection.core.backend.replace_meta(connection, claims.meta)
    connection.core.manager.note_token(connection, claims.jti)
    prolong(connection, claims.expire_at)
    expires, ttl = _life(connection)
    connection.reply(Reply(id=command_id, refresh=RefreshResult(expires=expires, ttl=ttl)))


def prolong(connection: Connection, expire_at: int) -> None:
    """Give the session another end, in Unix seconds; 0 is never."""
    connection.expire_at = expire_at
    connection.core.expiry.watch_session(connection)


async def _authenticate(connection: Connection, handshake: Handshake, request: ConnectRequest) -> _Arrival:
    core = connection.core
    backend = core.backend if core.backend is not None and core.backend.answers_connects else None
    headers = handshake.headers if backend is None else backend.without_its_own(handshake.headers)
    found = locate_token(request.token, headers, handshake.query, core.token_cookie)
    found = found._replace(attempt=handshake.attempt_id)
    if found.source == "none" and core.token_cookie is None:
        found = found._replace(passed_over=_passed_over(headers))
    if not found.token and backend is not None:
        return _Arrival(*await backend.connect(connection, request), is_proxied=True)
    # Some SDKs write an empty token where the application has none.
    if not found.token and core.client.allow_anonymous:
        return _Arrival(ANONYMOUS)
    try:
        return _Arrival(await core.validator.validate_connection(found))
    except TokenError as error:
        connection.user = core.validator.user_of(found.token, error)  # for whoever asks later what became of the user
        raise


def _passed_over(headers: Iterable[tuple[bytes, bytes]]) -> str:
    names = (passed_over_cookie(value) for name, value in headers if name == b"cookie")
    return next((name.decode() for name in names if name), "")


def _admit(connection: Connection, arrival: _Arrival) -> None:
    core, claims = connection.core, arrival.claims
    is_by_token = claims is not ANONYMOUS and not arrival.is_proxied
    if not claims.user and is_by_token and core.client.disallow_anonymous_connection_tokens:
        raise TokenError("token_anonymous", "`sub` is empty and `client.disallow_anonymous_connection_tokens` is on")
    _check_user_limit(connection, claims.user)


def _check_user_limit(connection: Connection, user: str) -> None:
    core = connection.core
    limit = core.client.user_connection_limit
    if limit and user and core.manager.count_of(user) >= limit:
        raise CapacityError("connection_limit", f"the user has {limit} connections already")


async def _prepare_subscriptions(
    connection: Connection, arrival: _Arrival, asked: dict[str, SubscribeRequest]
) -> list[Pending]:
    wanted = _channels_of(arrival.claims)
    core, limit = connection.core, connection.core.client.channel_limit
    if len(wanted) > limit:
        raise ChannelError("channel_limit_close", f"the session has {len(wanted)} channels, {limit} are allowed")
    pending: list[Pending] = []
    try:
        for channel, options in wanted.items():
            if connection.closed:
                break
            request = _position(asked.get(channel, _FRESH))
            grant = _grant(options, from_backend=arrival.is_proxied)
            pending.append(await subscribing.prepare(connection, channel, request, grant))
        _check_user_limit(connection, arrival.claims.user)  # others of the user may have come meanwhile
        core.validator.refuse_revoked(arrival.claims)
    except BaseException:
        subscribing.abandon(connection, pending)
        raise
    subscribing.verify(connection, pending)
    return pending


def _channels_of(claims: ConnectionClaims) -> dict[str, SubscribeOptions | None]:
    return {**dict.fromkeys(claims.channels), **claims.subs}


def _channels_changed(connection: Connection, claims: ConnectionClaims) -> bool:
    """Tell whether a fresh token brings other channels than the session has from its token, as in Centrifugo."""
    granted, subs = _channels_of(claims), connection.subs
    return any(channel not in subs for channel in granted) or any(
        subscription.flags & FROM_TOKEN and channel not in granted for channel, subscription in subs.items()
    )


def _position(asked: SubscribeRequest) -> SubscribeRequest:
    """Take from the client where it was and what it can decode: the rest is the server's to say."""
    return SubscribeRequest(recover=asked.recover, epoch=asked.epoch, offset=asked.offset, delta=asked.delta)


def _grant(options: SubscribeOptions | None, *, from_backend: bool) -> Grant:
    given = options or SubscribeOptions()
    return Grant(
        given.info or NONE,
        given.data or NONE,
        given.expire_at,
        overrides=given.overrides,
        server_side=True,
        from_token=not from_backend,
        from_backend=from_backend,
    )


def _result(connection: Connection, request: ConnectRequest) -> ConnectResult:
    core = connection.core
    expires, ttl = _life(connection)
    result = ConnectResult(
        client=connection.client,
        version=f"Holdfast {__version__}",
        expires=expires,
        ttl=ttl,
    )
    if connection.transport.encoding.ping:
        result.ping, result.pong = max(1, round(core.client.ping_interval)), True
    if session := connection.transport.session:
        result.session, result.node = session, core.instance
    # Told to those who introduced themselves: other SDKs could not use it.
    if request.holdfast is not None:
        log_token = core.issue_log_token(traces.attempt_of(connection.trace), connection.client)
        result.holdfast = Welcome(round(core.client.reconnect_window * 1000), core.instance, log_token)
    return result


def _is_refreshed_here(connection: Connection) -> bool:
    """Tell whether the server prolongs sessions itself, so that clients need not know of their end."""
    refresher = connection.core.expiry.refresher
    return refresher is not None and refresher.takes_sessions


def _life(connection: Connection) -> tuple[bool, int]:
    """Return whether the session expires, and in how many whole seconds."""
    if not connection.expire_at or _is_refreshed_here(connection):
        return False, 0
    return True, max(1, round(connection.expire_at - connection.core.wall_clock()))
