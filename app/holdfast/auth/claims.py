"""The claims of connection and subscription tokens, by Centrifugo's names, and their types.

A verified payload is decoded once into plain frozen data. Nothing here knows keys, clocks or settings.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from holdfast.errors import TokenError

# The last second of the year 9999. What lies beyond is not a date but, nearly always, milliseconds.
LATEST_MOMENT = 253_402_300_799

Number = int | float


class SubscribeOverrides(Struct, frozen=True, gc=False):
    """Options of a channel set for one subscription; None leaves the namespace's own."""

    presence: bool | None = None
    join_leave: bool | None = None
    force_push_join_leave: bool | None = None
    force_recovery: bool | None = None
    force_positioning: bool | None = None


NO_OVERRIDES = SubscribeOverrides()


class SubscribeOptions(Struct, frozen=True):
    """What a token, or the user's backend, says of one server-side subscription; `expire_at` is the backend's alone."""

    info: Raw | None = None
    data: Raw | None = None
    overrides: SubscribeOverrides = NO_OVERRIDES
    expire_at: int = 0


NO_SUBS: Mapping[str, SubscribeOptions] = MappingProxyType({})


class TokenClaims(Struct, frozen=True):
    """What both kinds of token have. Moments are Unix seconds, 0 where the claim is absent.

    `expires_at` is the token's own end (`exp`). `expire_at` is when the connection or subscription ends: the claim
    of that name, else `exp`; 0 is never.
    """

    user: str
    expires_at: int = 0
    expire_at: int = 0
    issued_at: int = 0
    not_before: int = 0
    jti: str = ""
    audience: tuple[str, ...] = ()
    issuer: str = ""
    info: Raw | None = None


class ConnectionClaims(TokenClaims, frozen=True):
    """A connection token; `user` is "" for the anonymous one.

    `subs` has a row for each channel to subscribe at once; `channels` is the plain list, empty where `subs` is given,
    since then it does not count.
    """

    meta: Raw | None = None
    channels: tuple[str, ...] = ()
    subs: Mapping[str, SubscribeOptions] = NO_SUBS


class SubscriptionClaims(TokenClaims, frozen=True):
    """A subscription token; `client` is "" unless the token is for one connection only."""

    channel: str = ""
    client: str = ""
    data: Raw | None = None
    overrides: SubscribeOverrides = NO_OVERRIDES


AnyClaims = TypeVar("AnyClaims", ConnectionClaims, SubscriptionClaims)

ANONYMOUS = ConnectionClaims("")


def decode_connection(payload: bytes) -> ConnectionClaims:
    """Read the payload of a connection token.

    Raises:
        TokenError: `token_malformed` for anything but a JSON object in UTF-8, `token_claims` for a wrong type or an
            impossible value.
    """
    wire = _decode(payload, _CONNECTION)
    if wire.channel:
        raise TokenError("token_claims", "`channel` makes this a subscription token; expected a connection token")
    exp = _moment("exp", wire.exp)
    subs = wire.subs
    return ConnectionClaims(
        wire.sub,
        exp,
        exp if wire.expire_at is None else _moment("expire_at", wire.expire_at),
        _moment("iat", wire.iat),
        _moment("nbf", wire.nbf),
        wire.jti,
        _audience(wire.aud),
        wire.iss or "",
        _content("info", wire.info, wire.b64info),
        _content("meta", wire.meta, None),
        () if subs else tuple(wire.channels or ()),
        MappingProxyType({name: _options(sub) for name, sub in subs.items()}) if subs else NO_SUBS,
    )


def decode_subscription(payload: bytes) -> SubscriptionClaims:
    """Read the payload of a subscription token; raises as `decode_connection` does."""
    wire = _decode(payload, _SUBSCRIPTION)
    if not wire.channel:
        raise TokenError("token_claims", "`channel` is absent: a connection token, or one for no channel at all")
    exp = _moment("exp", wire.exp)
    return SubscriptionClaims(
        wire.sub,
        exp,
        exp if wire.expire_at is None else _moment("expire_at", wire.expire_at),
        _moment("iat", wire.iat),
        _moment("nbf", wire.nbf),
        wire.jti,
        _audience(wire.aud),
        wire.iss or "",
        _content("info", wire.info, wire.b64info),
        wire.channel,
        wire.client or "",
        _content("data", wire.data, wire.b64data),
        _overrides(wire.override),
    )


# The claims as they stand in a token. `null` is taken as absent where a serializer may write it for an
# empty list or object, and refused where it would quietly mean "anonymous" or "for ever".

_NOTHING = Raw()


class _Switch(Struct):
    value: bool = False


class _Override(Struct):
    presence: _Switch | None = None
    join_leave: _Switch | None = None
    force_push_join_leave: _Switch | None = None
    force_recovery: _Switch | None = None
    force_positioning: _Switch | None = None


class _Content(Struct, kw_only=True):
    info: Raw = _NOTHING
    b64info: str | None = None
    data: Raw = _NOTHING
    b64data: str | None = None
    override: _Override | None = None


class _Registered(Struct, kw_only=True):
    sub: str = ""
    exp: Number | UnsetType = UNSET
    iat: Number | UnsetType = UNSET
    nbf: Number | UnsetType = UNSET
    jti: str = ""
    aud: str | list[str] | None = None
    iss: str | None = None
    expire_at: Number | None = None
    info: Raw = _NOTHING
    b64info: str | None = None
    channel: str | None = None


class _Connection(_Registered, kw_only=True):
    meta: Raw = _NOTHING
    channels: list[str] | None = None
    subs: dict[str, _Content] | None = None


class _Subscription(_Registered, kw_only=True):
    client: str | None = None
    data: Raw = _NOTHING
    b64data: str | None = None
    override: _Override | None = None


_CONNECTION = msgspec.json.Decoder(_Connection)
_SUBSCRIPTION = msgspec.json.Decoder(_Subscription)
_AnyWire = TypeVar("_AnyWire", _Connection, _Subscription)


def _decode(payload: bytes, decoder: msgspec.json.Decoder[_AnyWire]) -> _AnyWire:
    try:
        if not payload.isascii():
            payload.decode()  # raw parts are passed on unread, so all of it is checked here
        return decoder.decode(payload)
    except msgspec.ValidationError as error:
        slug = "token_claims" if payload.lstrip()[:1] == b"{" else "token_malformed"
        raise TokenError(slug, f"payload: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise TokenError("token_malformed", "payload: expected a JSON object in UTF-8") from None


def _moment(name: str, value: Number | UnsetType) -> int:
    if value is UNSET:
        return 0
    if 0 <= value <= LATEST_MOMENT:
        # 0 stands for an absent claim, and a token that ended in the first second of 1970 has ended as
        # well one second later.
        return int(value) or int(name != "expire_at")
    hint = "; is it in milliseconds?" if value > LATEST_MOMENT else ""
    raise TokenError("token_claims", f"{name}: expected Unix seconds before the year 10000{hint}")


def _audience(aud: str | list[str] | None) -> tuple[str, ...]:
    if aud is None:
        return ()
    return (aud,) if isinstance(aud, str) else tuple(aud)


def _content(name: str, raw: Raw, encoded: str | None) -> Raw | None:
    """Return JSON on one line, the base64 form first as with Centrifugo; None for nothing and for `null`."""
    if raw is _NOTHING and not encoded:
        return None
    if encoded:
        try:
            text = base64.b64decode(encoded, validate=True)
            text.decode()
            return Raw(msgspec.json.format(text, indent=-1))
        except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError):
            raise TokenError(
                "token_claims", f"b64{name}: expected base64 of JSON, which is what clients are sent"
            ) from None
    text = bytes(raw)
    if text == b"null":
        return None
    # A copy, so that a live connection does not keep the whole token's payload. Line breaks between
    # tokens are legal JSON but would cut the newline-delimited frames it is sent in.
    return Raw(msgspec.json.format(text, indent=-1) if b"\n" in text or b"\r" in text else text)


def _options(sub: _Content) -> SubscribeOptions:
    return SubscribeOptions(
        _content("info", sub.info, sub.b64info),
        _content("data", sub.data, sub.b64data),
        _overrides(sub.override),
    )


def _overrides(override: _Override | None) -> SubscribeOverrides:
    if override is None:
        return NO_OVERRIDES
    switches = (
        override.presence,
        override.join_leave,
        override.force_push_join_leave,
        override.force_recovery,
        override.force_positioning,
    )
    return SubscribeOverrides(*(None if switch is None else switch.value for switch in switches))
