"""What the server API does to live connections, on whichever instance they are."""

from __future__ import annotations

from collections.abc import Collection

from msgspec import Raw, convert, structs

from holdfast.auth.claims import NO_OVERRIDES, SubscribeOverrides
from holdfast.connections.bus import Bus, reader
from holdfast.connections.bus_messages import (
    Aimed,
    DisconnectOrder,
    Done,
    Message,
    RefreshOrder,
    SubscribeOrder,
    UnsubscribeOrder,
)
from holdfast.connections.control import Control, Target
from holdfast.connections.subscription import Grant
from holdfast.errors import BrokerError
from holdfast.protocol.messages import NONE, StreamPosition

_done = reader(Done)


class ControlEverywhere:
    """Carries out an order here, and returns when all other instances have done so too.

    Where one does not confirm it the caller gets a temporary error and repeats: what was done stays as it is then.
    """

    def __init__(self, control: Control, bus: Bus) -> None:
        self._control = control
        self._bus = bus
        bus.answer(SubscribeOrder, self._on_subscribe)
        bus.answer(UnsubscribeOrder, self._on_unsubscribe)
        bus.answer(DisconnectOrder, self._on_disconnect)
        bus.answer(RefreshOrder, self._on_refresh)

    # Public methods: as those of Control; all raise BrokerError("peer_unreachable") besides

    async def subscribe(
        self, target: Target, channel: str, grant: Grant, recover_since: StreamPosition | None = None
    ) -> None:
        """Subscribe connections to a channel; see `Control.subscribe`."""
        is_here = self._is_here(target)
        await self._control.subscribe(target, channel, grant, recover_since)
        overrides = structs.asdict(grant.overrides)
        order = SubscribeOrder(
            channel=channel,
            info=bytes(grant.info),
            data=bytes(grant.data),
            expire_at=grant.expire_at,
            overrides={name: value for name, value in overrides.items() if value is not None},
            since=(recover_since.offset, recover_since.epoch) if recover_since is not None else None,
        )
        await self._tell_others(_aimed(order, target), is_here)

    async def unsubscribe(self, target: Target, channel: str) -> None:
        """End subscriptions; see `Control.unsubscribe`."""
        is_here = self._is_here(target)
        await self._control.unsubscribe(target, channel)
        await self._tell_others(_aimed(UnsubscribeOrder(channel=channel), target), is_here)

    async def disconnect(
        self, target: Target, code: int = 0, reason: str = "", whitelist: Collection[str] = ()
    ) -> None:
        """Close connections; see `Control.disconnect`."""
        is_here = self._is_here(target)
        await self._control.disconnect(target, code, reason, whitelist)
        order = DisconnectOrder(code=code, reason=reason, whitelist=list(whitelist))
        await self._tell_others(_aimed(order, target), is_here)

    async def refresh(
        self, target: Target, *, expired: bool = False, expire_at: int = 0, info: Raw | None = None
    ) -> None:
        """Give connections another end; see `Control.refresh`."""
        is_here = self._is_here(target)
        await self._control.refresh(target, expired=expired, expire_at=expire_at, info=info)
        given = None if info is None else bytes(info)
        order = RefreshOrder(expired=expired, expire_at=expire_at, info=given)
        await self._tell_others(_aimed(order, target), is_here)

    # Private methods

    def _is_here(self, target: Target) -> bool:
        """Tell whether one connection is meant, and it is this instance's, so that nobody else has to be asked."""
        return bool(target.client) and bool(self._control.find(target))

    async def _tell_others(self, order: Message, is_here: bool) -> None:
        if is_here:
            return
        found = await self._bus.survey(order, _done)
        for error in found.failures.values():
            raise error
        if found.missing:
            raise BrokerError("peer_unreachable", f"not confirmed by {', '.join(found.missing)}; repeat it")

    async def _on_subscribe(self, order: SubscribeOrder) -> Done:
        grant = Grant(
            info=Raw(order.info) if order.info else NONE,
            data=Raw(order.data) if order.data else NONE,
            expire_at=order.expire_at,
            overrides=convert(order.overrides, SubscribeOverrides) if order.overrides else NO_OVERRIDES,
            server_side=True,
        )
        since = StreamPosition(*order.since) if order.since is not None else None
        await self._control.subscribe(_target(order), order.channel, grant, since)
        return Done()

    async def _on_unsubscribe(self, order: UnsubscribeOrder) -> Done:
        await self._control.unsubscribe(_target(order), order.channel)
        return Done()

    async def _on_disconnect(self, order: DisconnectOrder) -> Done:
        await self._control.disconnect(_target(order), order.code, order.reason, order.whitelist)
        return Done()

    async def _on_refresh(self, order: RefreshOrder) -> Done:
        info = None if order.info is None else Raw(order.info)
        await self._control.refresh(_target(order), expired=order.expired, expire_at=order.expire_at, info=info)
        return Done()


def _aimed(order: Aimed, target: Target) -> Aimed:
    order.user, order.client, order.session = target.user, target.client, target.session
    return order


def _target(order: Aimed) -> Target:
    return Target(order.user, order.client, order.session)
