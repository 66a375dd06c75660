"""The methods of the server API that act on live connections."""

from __future__ import annotations

from typing import Protocol

from msgspec import UNSET, UnsetType

from holdfast.codes import CODES
from holdfast.codes_application import close_fault
from holdfast.connections.backend_payloads import overrides_of
from holdfast.connections.control import Target
from holdfast.connections.control_everywhere import ControlEverywhere
from holdfast.connections.subscription import Grant
from holdfast.errors import ProtocolError
from holdfast.routes import api_messages as api
from holdfast.routes.api_commands import position_of, required_channel
from holdfast.routes.api_payloads import optional_payload


class Aimed(Protocol):
    """A request that says whose connections it means."""

    user: str | UnsetType
    client: str | None
    session: str | None


class ApiControl:
    """Takes decoded requests and returns an empty result; raises a GatewayError for what cannot be done."""

    def __init__(self, control: ControlEverywhere) -> None:
        self._control = control

    async def subscribe(self, request: api.SubscribeRequest) -> api.EmptyResult:
        """Subscribe a user's connections to a channel, from the server's side."""
        channel = required_channel(request.channel)
        grant = Grant(
            info=optional_payload("info", request.info, request.b64info),
            data=optional_payload("data", request.data, request.b64data),
            expire_at=request.expire_at or 0,
            overrides=overrides_of(request.override),
            server_side=True,
        )
        since = position_of(request.recover_since)
        await self._control.subscribe(target_of(request), channel, grant, since)
        return api.EmptyResult()

    async def unsubscribe(self, request: api.UnsubscribeRequest) -> api.EmptyResult:
        """End a user's subscription to a channel, or all of them."""
        await self._control.unsubscribe(target_of(request), request.channel)
        return api.EmptyResult()

    async def disconnect(self, request: api.DisconnectRequest) -> api.EmptyResult:
        """Close a user's connections."""
        target = target_of(request)
        order = request.disconnect or api.CloseOrder()
        check_close(order)
        await self._control.disconnect(target, order.code, order.reason, request.whitelist or ())
        return api.EmptyResult()

    async def refresh(self, request: api.RefreshRequest) -> api.EmptyResult:
        """Give a user's connections another end."""
        info = None if request.info is UNSET else optional_payload("info", request.info)
        await self._control.refresh(
            target_of(request), expired=bool(request.expired), expire_at=request.expire_at or 0, info=info
        )
        return api.EmptyResult()


def target_of(request: Aimed) -> Target:
    """Return whose connections are meant; an empty user is the anonymous one, but must be written.

    Raises:
        ProtocolError: `bad_request`, when neither user nor client is named: a misspelt field must not hit anonymous
            users.
    """
    user = request.user
    if user is UNSET:
        if not request.client:
            raise ProtocolError("bad_request", "Expected a user in `user`, came nothing.")
        user = ""
    return Target(user, request.client or "", request.session or "")


def check_close(order: api.CloseOrder) -> None:
    """Let only numbers and reasons pass that mean to a client what the caller means; 0 is the gateway's own choice.

    Raises:
        ProtocolError: `bad_request`.
    """
    fault = close_fault(order.code or CODES["force_disconnect"].number, order.reason)
    if fault is not None:
        raise ProtocolError("bad_request", fault)
