"""One connection's subscription to one channel: its terms, decided once and then only read."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, Struct

from holdfast.auth.claims import NO_OVERRIDES, SubscribeOverrides
from holdfast.protocol.messages import NONE
from holdfast.settings import ChannelOptions

# What a subscription has; kept as one small number because there is one for each connection and channel.
SERVER_SIDE: Final = 1
POSITIONED: Final = 2
RECOVERABLE: Final = 4
WATCHES: Final = 8  # gets joins and leaves
ANNOUNCED: Final = 16  # causes joins and leaves
PRESENT: Final = 32  # stands in presence
REFRESHABLE: Final = 64  # lives by a subscription token
FROM_TOKEN: Final = 128  # named by the connection's token
FROM_BACKEND: Final = 256  # admitted, or named at the connect, by the user's backend

STREAM: Final = POSITIONED | RECOVERABLE


class Subscription(Struct, frozen=True, gc=False):
    """The terms of a subscription; `expire_at` in Unix seconds, 0 for never."""

    flags: int
    info: Raw = NONE
    expire_at: int = 0


class Asked(Struct, frozen=True, gc=False):
    """What the client asked for, cut down to what it may have."""

    positioned: bool = False
    recoverable: bool = False
    join_leave: bool = False


class Grant(Struct, frozen=True, gc=False):
    """What a token, the API or the namespace grants beside the options.

    `by_token`: a subscription token admitted it, or may prolong it; `from_token`: the connection's token named the
    channel; `from_backend`: the user's backend did either.
    """

    info: Raw = NONE
    data: Raw = NONE
    expire_at: int = 0
    overrides: SubscribeOverrides = NO_OVERRIDES
    server_side: bool = False
    by_token: bool = False
    from_token: bool = False
    from_backend: bool = False


_plain: dict[int, Subscription] = {}


def subscription(flags: int, grant: Grant) -> Subscription:
    """Return a subscription; those without info and end are shared between all connections."""
    if grant.info or grant.expire_at:
        return Subscription(flags, grant.info, grant.expire_at)
    found = _plain.get(flags)
    if found is None:
        found = _plain[flags] = Subscription(flags)
    return found


def decide(options: ChannelOptions, grant: Grant, asked: Asked) -> int:
    """Return the flags of a subscription from the namespace, what the grant overrides, and what was asked."""
    over = grant.overrides
    keeps_history = options.history_size > 0 and options.history_ttl > 0
    join_leave = _either(over.join_leave, options.join_leave)
    flags = 0
    if _either(over.force_positioning, options.force_positioning) or asked.positioned:
        flags |= POSITIONED
    if _either(over.force_recovery, options.force_recovery) or asked.recoverable:
        flags |= STREAM
    if not keeps_history:
        flags = 0
    if join_leave:
        flags |= ANNOUNCED
    if _either(over.force_push_join_leave, options.force_push_join_leave) or (asked.join_leave and join_leave):
        flags |= WATCHES
    if _either(over.presence, options.presence):
        flags |= PRESENT
    if grant.server_side:
        flags |= SERVER_SIDE
    if grant.by_token:
        flags |= REFRESHABLE
    if grant.from_token:
        flags |= FROM_TOKEN
    if grant.from_backend:
        flags |= FROM_BACKEND
    return flags


def _either(override: bool | None, option: bool) -> bool:
    return option if override is None else override
