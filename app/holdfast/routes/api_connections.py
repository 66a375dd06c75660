"""The method `connections`: a user's live connections, with the names that Centrifugo PRO gives them.

It only reads, and in slices: a user with ten thousand connections holds up nobody.
"""

from __future__ import annotations

import asyncio
from operator import attrgetter, itemgetter

import msgspec
from msgspec import Raw, Struct

from holdfast.channels.hub import Hub
from holdfast.connections import client_id
from holdfast.connections.bus import Bus, reader
from holdfast.connections.bus_messages import ConnectionsQuestion
from holdfast.connections.connection import Connection
from holdfast.connections.control import Control, Target
from holdfast.connections.subscription import (
    FROM_BACKEND,
    FROM_TOKEN,
    POSITIONED,
    PRESENT,
    RECOVERABLE,
    REFRESHABLE,
    SERVER_SIDE,
    STREAM,
    WATCHES,
    Subscription,
)
from holdfast.errors import ProtocolError
from holdfast.routes import api_messages as api
from holdfast.routes.api_control import target_of

DEFAULT_LIMIT = 1000
# Connections and their subscriptions that one answer tells of, about 3 MB, and that are read before others get their
# turn of the event loop, about a millisecond.
MAX_ROWS = 20_000
SLICE_ROWS = 200

# Centrifugo's numbers for what let a client into a channel.
_BY_CONNECTION_TOKEN, _BY_CONNECT_PROXY, _BY_SUBSCRIPTION_TOKEN, _BY_SUBSCRIBE_PROXY = 1, 2, 3, 4
_BY_OPTIONS, _BY_API = 6, 10

_encode = msgspec.json.Encoder().encode


class ChannelContext(Struct, omit_defaults=True, gc=False):
    """A subscription; `offset` and `epoch` are where a positioned one's stream has come to on this instance."""

    source: int
    server_side: bool = False
    positioned: bool = False
    recoverable: bool = False
    presence: bool = False
    join_leave: bool = False
    expire_at: int = 0
    offset: int = 0
    epoch: str = ""


class ConnectionState(Struct, omit_defaults=True, gc=False):
    """What it is subscribed to."""

    channels: dict[str, ChannelContext] = {}


class ConnectionInfo(Struct, omit_defaults=True, gc=False):
    """One connection; times in Unix seconds, `buffered` in bytes that wait for the client to read."""

    user: str
    transport: str
    protocol: str
    address: str
    connected_at: float
    state: ConnectionState
    expire_at: int = 0
    buffered: int = 0


class ConnectionsResult(Struct, omit_defaults=True, gc=False):
    """Connections by client id, the oldest first; `num_clients` is how many there are where not all are listed.

    `missing` are instances that did not say theirs.
    """

    connections: dict[str, Raw]
    num_clients: int
    truncated: bool = False
    missing: list[str] = []


class _Listed(Struct):
    """One instance's part of the answer, for the others; each connection is JSON."""

    connections: dict[str, bytes]
    num_clients: int


_read_listed = reader(_Listed)


class ApiConnections:
    """Tells who is connected, and how, on all instances."""

    def __init__(self, control: Control, hub: Hub, bus: Bus) -> None:
        self._control = control
        self._hub = hub
        self._bus = bus
        bus.answer(ConnectionsQuestion, self._on_question)

    async def connections(self, request: api.ConnectionsRequest) -> ConnectionsResult:
        """List a user's connections, or one by its client id.

        Raises:
            ProtocolError: `bad_request` without user and client, or with an expression.
            BrokerError: other instances cannot be asked.
        """
        if request.expression:
            raise ProtocolError(
                "bad_request", "Expected `user` or `client` to choose by; `expression` is not evaluated."
            )
        target, limit = target_of(request), request.limit or DEFAULT_LIMIT
        here = await self._list(target, limit)
        if self._bus.is_alone or (target.client and here.num_clients):
            return _result([here], limit, [])
        question = ConnectionsQuestion(user=target.user, client=target.client, session=target.session, limit=limit)
        found = await self._bus.survey(question, _read_listed)
        return _result([here, *found.answers.values()], limit, found.silent)

    # Private methods

    async def _list(self, target: Target, limit: int) -> _Listed:
        found = sorted(self._control.find(target), key=attrgetter("client"))
        listed: dict[str, bytes] = {}
        rows = pause = 0
        for connection in found[:limit]:
            if rows >= MAX_ROWS:
                break
            if rows >= pause:
                pause = rows + SLICE_ROWS
                await asyncio.sleep(0)
            rows += 1 + len(connection.subs)
            listed[connection.client] = _encode(self._describe(connection))
        gone = [connection.client for connection in found if connection.closed]  # meanwhile
        for client in gone:
            listed.pop(client, None)
        return _Listed(listed, len(found) - len(gone))

    async def _on_question(self, question: ConnectionsQuestion) -> _Listed:
        return await self._list(Target(question.user, question.client, question.session), question.limit)

    def _describe(self, connection: Connection) -> ConnectionInfo:
        encoding, transport = connection.encoding, connection.transport
        return ConnectionInfo(
            user=connection.user,
            transport=transport.name,
            protocol=encoding.codec.name,
            address=connection.address,
            connected_at=client_id.connected_at(connection.client),
            state=ConnectionState({name: self._context(name, one) for name, one in connection.subs.items()}),
            expire_at=connection.expire_at,
            buffered=transport.buffered(),
        )

    def _context(self, channel: str, subscription: Subscription) -> ChannelContext:
        flags = subscription.flags
        context = ChannelContext(
            source=_source(flags),
            server_side=bool(flags & SERVER_SIDE),
            positioned=bool(flags & POSITIONED),
            recoverable=bool(flags & RECOVERABLE),
            presence=bool(flags & PRESENT),
            join_leave=bool(flags & WATCHES),
            expire_at=subscription.expire_at,
        )
        if flags & STREAM and (covered := self._hub.covered(channel)) is not None:
            context.offset, context.epoch = covered.offset, covered.epoch
        return context


def _result(parts: list[_Listed], limit: int, missing: list[str]) -> ConnectionsResult:
    rows = sorted((row for part in parts for row in part.connections.items()), key=itemgetter(0))[:limit]
    total = sum(part.num_clients for part in parts)
    listed = {client: Raw(described) for client, described in rows}
    return ConnectionsResult(listed, total, len(listed) < total, missing)


def _source(flags: int) -> int:
    if flags & FROM_BACKEND:
        return _BY_CONNECT_PROXY if flags & SERVER_SIDE else _BY_SUBSCRIBE_PROXY
    if flags & SERVER_SIDE:
        return _BY_CONNECTION_TOKEN if flags & FROM_TOKEN else _BY_API
    return _BY_SUBSCRIPTION_TOKEN if flags & REFRESHABLE else _BY_OPTIONS
