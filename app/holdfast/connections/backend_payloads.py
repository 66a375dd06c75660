"""Payloads and terms between clients and the user's backend: JSON or base64, checked in both directions."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from msgspec import Raw, Struct

from holdfast.auth.claims import NO_OVERRIDES, SubscribeOptions, SubscribeOverrides
from holdfast.errors import ProtocolError
from holdfast.protocol.messages import NONE
from holdfast.protocol.payloads import json_line
from holdfast.proxy import messages as proxied
from holdfast.proxy.endpoint import Endpoint

if TYPE_CHECKING:
    from holdfast.connections.connection import Connection

_NULL = b"null"


def sent_payload(connection: Connection | None, endpoint: Endpoint, data: Raw) -> tuple[Raw, str]:
    """Return a client's payload as JSON, or as base64 where the proxy wants that.

    Raises:
        ProtocolError: `bad_request`, for bytes that no JSON request can carry.
    """
    if not data:
        return NONE, ""
    if endpoint.settings.binary_encoding:
        return NONE, base64.b64encode(data).decode()
    if takes_bytes(connection):
        try:
            return json_line(bytes(data)), ""
        except ValueError:
            raise ProtocolError("bad_request", "the proxy carries JSON; others need its binary_encoding") from None
    return data, ""


def takes_bytes(connection: Connection | None) -> bool:
    """Tell whether the client's payloads may be any bytes."""
    return connection is not None and connection.encoding.codec.binary


def given_payload(
    endpoint: Endpoint, name: str, raw: Raw, encoded: str | None, *, null: bool = False, any_bytes: bool = False
) -> Raw:
    """Return a payload of an answer, base64 first as with Centrifugo; `NONE` for nothing and, but for `null`, null.

    Only with `any_bytes` may base64 hold something else than JSON.
    """
    if encoded:
        try:
            decoded = base64.b64decode(encoded, validate=True)
            return Raw(decoded) if any_bytes else json_line(decoded)
        except ValueError:
            expected = "base64" if any_bytes else "base64 of JSON, which is what clients are sent"
            raise endpoint.bad_reply(f"b64{name}: expected {expected}") from None
    if not raw or (not null and bytes(raw) == _NULL):
        return NONE
    try:
        return json_line(bytes(raw))
    except ValueError:  # it was read already, but not this far down the stack
        raise endpoint.bad_reply(f"{name}: expected JSON, came too many levels of it") from None


def future_end(endpoint: Endpoint, connection: Connection, expire_at: int | None) -> int:
    """Return when something that begins now ends, 0 for never.

    Raises:
        ProxyError: `proxy_bad_reply`, for an end in the past.
    """
    if expire_at and expire_at <= connection.core.wall_clock():
        raise endpoint.bad_reply("expire_at: expected Unix seconds in the future; compare the clocks")
    return expire_at or 0


def subscribe_options(
    endpoint: Endpoint, connection: Connection, given: proxied.SubscribeResult | None
) -> SubscribeOptions:
    """Return what an answer says of one subscription.

    Raises:
        ProxyError: `proxy_bad_reply`, for what cannot be granted like that.
    """
    if given is None:
        return SubscribeOptions()
    if given.server_tags_filter and bytes(given.server_tags_filter) != _NULL:
        raise endpoint.bad_reply("server_tags_filter: expected none, for the whole channel would be sent")
    any_bytes = takes_bytes(connection)
    return SubscribeOptions(
        given_payload(endpoint, "info", given.info, given.b64info) or None,
        given_payload(endpoint, "data", given.data, given.b64data, any_bytes=any_bytes) or None,
        overrides_of(given.override),
        future_end(endpoint, connection, given.expire_at),
    )


def overrides_of(override: Struct | None) -> SubscribeOverrides:
    """Return the options that an object of `{"value": true}` by option's name sets."""
    if override is None:
        return NO_OVERRIDES
    flags = {name: getattr(override, name) for name in override.__struct_fields__}
    return SubscribeOverrides(**{name: flag.value for name, flag in flags.items() if flag is not None})
