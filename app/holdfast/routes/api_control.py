"""The methods of the server API that act on live connections."""

from __future__ import annotations

import json
from typing import Protocol

from msgspec import UNSET, UnsetType

from holdfast.auth.claims import SubscribeOverrides
from holdfast.codes import CODES, is_reserved
from holdfast.connections.control import Control, Target
from holdfast.connections.subscription import Grant
from holdfast.errors import ProtocolError
from holdfast.routes import api_messages as api
from holdfast.routes.api_commands import position_of, required_channel
from holdfast.routes.api_payloads import optional_payload

APPLICATION_CODES = range(4000, 5000)
# What Centrifugo and we close sessions with ourselves; below 3000 are the WebSocket protocol's own codes.
_OUR_CLOSES = {code.number for code in CODES.values() if code.kind == "close" and 3000 <= code.number < 4000}
_MAX_REASON_BYTES = 123  # RFC 6455, 5.5: a control frame has 125 bytes, of which the code takes two


class Aimed(Protocol):
    """A request that says whose connections it means."""

    user: str | UnsetType
    client: str | None
    session: str | None


class ApiControl:
    """Takes decoded requests and returns an empty result; raises a GatewayError for what cannot be done."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def subscribe(self, request: api.SubscribeRequest) -> api.EmptyResult:
        """Subscribe a user's connections to a channel, from the server's side."""
        channel = required_channel(request.channel)
        grant = Grant(
            info=optional_payload("info", request.info, request.b64info),
            data=optional_payload("data", request.data, request.b64data),
            expire_at=request.expire_at or 0,
            overrides=_overrides(request.override),
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
    """Let only numbers and reasons pass that mean to a client what the caller means.

    Raises:
        ProtocolError: `bad_request`.
    """
    code, reason = order.code, order.reason
    if code and (is_reserved(code) or (code not in APPLICATION_CODES and code not in _OUR_CLOSES)):
        ours = "4100-4199 and 4600-4699 are the gateway's own"
        raise ProtocolError("bad_request", f"Expected `disconnect.code` in 4000-4999 ({ours}), came {code}.")
    size = len(reason.encode())
    if size > _MAX_REASON_BYTES:
        raise ProtocolError(
            "bad_request", f"Expected `disconnect.reason` of at most {_MAX_REASON_BYTES} bytes, came {size}."
        )
    if reason and _is_json(reason):
        # The JavaScript SDK takes a JSON reason for advice of the server, and may stop for ever because of it.
        raise ProtocolError("bad_request", "Expected `disconnect.reason` as plain text, came JSON.")


def _is_json(text: str) -> bool:
    try:
        # Not msgspec, which refuses numbers and escapes that a browser's JSON.parse takes.
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _overrides(override: api.Override | None) -> SubscribeOverrides:
    if override is None:
        return SubscribeOverrides()
    flags = {name: getattr(override, name) for name in override.__struct_fields__}
    return SubscribeOverrides(**{name: flag.value for name, flag in flags.items() if flag is not None})
