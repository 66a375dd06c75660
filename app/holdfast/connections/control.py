"""What the server API does to live connections of this instance."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from msgspec import Raw

from holdfast.codes import CODES
from holdfast.connections import session, subscribing
from holdfast.connections.connection import Connection
from holdfast.connections.core import Core
from holdfast.connections.manager import selected
from holdfast.connections.subscription import Grant
from holdfast.errors import ChannelError, ProtocolError
from holdfast.protocol.commands import SubscribeRequest
from holdfast.protocol.messages import NONE, Push, RefreshPush, StreamPosition, SubscribePush

# Not an error to the caller: the client it meant is closed with it.
_FULL = "channel_limit_close"


@dataclass(frozen=True, slots=True)
class Target:
    """Whose connections are meant: all of a user's, or one by its client or session id."""

    user: str
    client: str = ""
    session: str = ""


class Control:
    """Subscribes, unsubscribes, prolongs and disconnects."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def subscribe(
        self, target: Target, channel: str, grant: Grant, recover_since: StreamPosition | None = None
    ) -> None:
        """Subscribe connections to a channel from the server's side; those that are subscribed stay as they are.

        Raises:
            ChannelError: the channel's name or namespace is wrong; `conflict`, to be repeated, where its stream
                changed meanwhile.
            BrokerError: the broker would not.
        """
        self._core.rules.resolve(channel)
        request = SubscribeRequest(channel=channel)
        if recover_since is not None:
            request.recover, request.offset, request.epoch = True, recover_since.offset, recover_since.epoch
        for connection in self.find(target):
            if channel not in connection.subs:
                await self._subscribe(connection, channel, grant, request)

    async def unsubscribe(self, target: Target, channel: str) -> None:
        """End subscriptions to a channel, or to all channels if it is empty."""
        for connection in self.find(target):
            for name in [channel] if channel else list(connection.subs):
                await subscribing.cancel(connection, name, "unsubscribed_by_server")

    async def disconnect(
        self, target: Target, code: int = 0, reason: str = "", whitelist: Collection[str] = ()
    ) -> None:
        """Close connections, with an application's own code and reason or for good; not those in `whitelist`."""
        slugs = [one.slug for one in CODES.values() if one.number == code and one.kind == "close"]
        for connection in self.find(target):
            if connection.client in whitelist:
                continue
            if not code:
                connection.close("force_disconnect")
            elif len(slugs) == 1:
                connection.close(slugs[0], reason=reason)
            else:  # a number of the application's own, or one that causes share, of which this is none
                connection.close("application", number=code, reason=reason)

    async def refresh(
        self, target: Target, *, expired: bool = False, expire_at: int = 0, info: Raw | None = None
    ) -> None:
        """Give connections another end (Unix seconds, 0 for never), or end them as expired."""
        now = self._core.wall_clock()
        for connection in self.find(target):
            if expired or (expire_at and expire_at <= now):
                connection.close("connection_expired")
                continue
            if info is not None:
                connection.info = info or NONE
            session.prolong(connection, expire_at)
            ttl = max(1, round(expire_at - now)) if expire_at else 0
            connection.push(Push(refresh=RefreshPush(bool(expire_at), ttl)))

    def find(self, target: Target) -> list[Connection]:
        """Return the connections that are meant."""
        manager = self._core.manager
        if target.client and not target.user:
            found = manager.connections.get(target.client)
            return selected([found] if found else [], target.client, target.session)
        return selected(manager.by_user(target.user), target.client, target.session)

    # Private methods

    async def _subscribe(self, connection: Connection, channel: str, grant: Grant, request: SubscribeRequest) -> None:
        try:
            subscribing.check_channel_limit(connection, _FULL)
            pending = await subscribing.prepare(connection, channel, request, grant)
            if connection.closed:
                subscribing.abandon(connection, [pending])
                return
            subscribing.verify(connection, [pending], _FULL)
        except ChannelError as error:
            if error.slug == _FULL:
                connection.fail(error)
                return
            if error.slug == "already_subscribed":  # meanwhile, by the client itself
                return
            if error.slug == "binary_channel":  # as Centrifugo; the user's other connections may well speak Protobuf
                connection.fail(ProtocolError("inappropriate_protocol", error.detail))
                return
            raise
        result = subscribing.commit(connection, pending)
        push = SubscribePush(result.recoverable, result.epoch, result.offset, result.positioned, result.data)
        connection.push(Push(channel=channel, subscribe=push))
        for publication in result.publications:
            connection.push(Push(channel=channel, pub=publication))
        subscribing.follow_up(connection, pending)
