from __future__ import annotations

import pytest
from msgspec import Raw

from holdfast.auth.claims import SubscribeOverrides
from holdfast.connections.subscription import (
    ANNOUNCED,
    POSITIONED,
    PRESENT,
    RECOVERABLE,
    REFRESHABLE,
    SERVER_SIDE,
    STREAM,
    WATCHES,
    Asked,
    Grant,
    decide,
    subscription,
)
from holdfast.settings import ChannelOptions

HISTORY = {"history_size": 10, "history_ttl": 60}


@pytest.mark.parametrize(
    ("options", "grant", "asked", "expected"),
    [
        ({}, Grant(), Asked(), 0),
        (HISTORY, Grant(), Asked(), 0),
        (HISTORY, Grant(), Asked(positioned=True), POSITIONED),
        (HISTORY, Grant(), Asked(recoverable=True), STREAM),
        ({}, Grant(), Asked(recoverable=True, positioned=True), 0),
        ({**HISTORY, "force_recovery": True}, Grant(), Asked(), POSITIONED | RECOVERABLE),
        ({**HISTORY, "force_positioning": True}, Grant(), Asked(), POSITIONED),
        ({"presence": True}, Grant(), Asked(), PRESENT),
        ({"join_leave": True}, Grant(), Asked(), ANNOUNCED),
        ({"join_leave": True}, Grant(), Asked(join_leave=True), ANNOUNCED | WATCHES),
        ({}, Grant(), Asked(join_leave=True), 0),
        ({"join_leave": True, "force_push_join_leave": True}, Grant(), Asked(), ANNOUNCED | WATCHES),
        ({}, Grant(server_side=True, by_token=True), Asked(), SERVER_SIDE | REFRESHABLE),
        ({"presence": True}, Grant(overrides=SubscribeOverrides(presence=False)), Asked(), 0),
        (HISTORY, Grant(overrides=SubscribeOverrides(force_recovery=True)), Asked(), STREAM),
        ({}, Grant(overrides=SubscribeOverrides(join_leave=True)), Asked(join_leave=True), ANNOUNCED | WATCHES),
    ],
)
def test_decide_from_options_grant_and_wish(
    options: dict[str, object], grant: Grant, asked: Asked, expected: int
) -> None:
    """What a subscription has follows from the namespace, what a token overrides and what was asked for."""
    assert decide(ChannelOptions.model_validate(options), grant, asked) == expected


def test_subscription_without_extras_is_shared() -> None:
    """Thousands of plain subscriptions are one object."""
    assert subscription(POSITIONED, Grant()) is subscription(POSITIONED, Grant(data=Raw(b"1")))


def test_subscription_with_extras_is_its_own() -> None:
    """Info and end belong to one connection."""
    one = subscription(0, Grant(info=Raw(b'"i"'), expire_at=7))

    assert (bytes(one.info), one.expire_at) == (b'"i"', 7)
    assert subscription(0, Grant()) is not one
