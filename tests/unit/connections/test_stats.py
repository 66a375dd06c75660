from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from holdfast.connections.stats import ConnectionStats, Statistics


def test_subscribed_counts_recoveries_by_outcome() -> None:
    """Only subscriptions that wanted to recover count as recoveries."""
    stats = ConnectionStats()
    stats.subscribed(False, False)
    stats.subscribed(True, True)
    stats.subscribed(True, False)
    stats.unsubscribed(2)

    assert stats.subscriptions == 1
    assert dict(stats.recoveries) == {True: 1, False: 1}


def test_count_command_counts_by_method() -> None:
    """Commands are told apart by method."""
    stats = ConnectionStats()
    stats.count_command("publish")
    stats.count_command("publish")

    assert stats.commands["publish"] == 2


def test_closes_sum_up_initiators() -> None:
    """Ends are counted by slug and initiator; by slug alone they are still one number."""
    stats = ConnectionStats()
    stats.ends["client_gone", "path"] += 2
    stats.ends["token_expired", "peer"] += 1
    stats.ends["token_expired", "us"] += 1

    assert stats.closes == {"client_gone": 2, "token_expired": 2}


def test_statistics_cannot_be_changed() -> None:
    """A snapshot stays as it was taken."""
    told = Statistics(1, 0, {"websocket": 1}, 1, 1, 0, 1, {}, {})

    with pytest.raises(FrozenInstanceError):
        told.connections = 2  # type: ignore[misc]  # this is what must fail
