"""Presence: entries, refreshes, ages, counts."""

from __future__ import annotations

from holdfast.broker.base import PresenceStats
from holdfast.broker.presence import PresenceStore
from holdfast.protocol.messages import ClientInfo
from tests.brokers import Clock

ANN = ClientInfo("ann", "c1")
BOB = ClientInfo("bob", "c2")


def test_clients_are_present_until_removed():
    """Who was entered is present; who was removed, or never there, is not."""
    store = PresenceStore(Clock())
    store.add("a", "c1", ANN, 60)
    store.add("a", "c2", BOB, 60)

    store.remove("a", "c1")
    store.remove("a", "c1")
    store.remove("b", "c1")

    assert store.get("a") == {"c2": BOB}
    assert store.get("b") == {}


def test_entry_lives_for_its_ttl_after_the_last_refresh():
    """A client that nobody refreshes is gone after the TTL."""
    clock = Clock()
    store = PresenceStore(clock)
    store.add("a", "c1", ANN, 60)
    clock.advance(50)
    store.add("a", "c1", ANN, 60)

    clock.advance(59)
    assert store.get("a") == {"c1": ANN}
    clock.advance(1)
    assert store.get("a") == {}


def test_stats_count_clients_and_users():
    """A user with two connections is two clients."""
    store = PresenceStore(Clock())
    store.add("a", "c1", ANN, 60)
    store.add("a", "c3", ClientInfo("ann", "c3"), 60)
    store.add("a", "c2", BOB, 60)

    assert store.stats("a") == PresenceStats(3, 2)
    assert store.stats("b") == PresenceStats(0, 0)


def test_sweep_frees_expired_entries_a_bounded_number_at_a_time():
    """Dead entries go without anybody asking, refreshed ones stay, empty channels go with them."""
    clock = Clock()
    store = PresenceStore(clock)
    for number in range(15):
        store.add("a", f"c{number}", ANN, 60)
    store.add("b", "c1", ANN, 60)
    clock.advance(40)
    store.add("b", "c1", ANN, 60)

    clock.advance(22)
    counts = [store.sweep(10) for _ in range(3)]

    assert counts == [10, 6, 0]
    assert len(store) == 1
    assert store.get("b") == {"c1": ANN}


def test_sweep_of_a_removed_entry_leaves_its_successor():
    """A client that left and came back is judged by its new entry."""
    clock = Clock()
    store = PresenceStore(clock)
    store.add("a", "c1", ANN, 10)
    store.remove("a", "c1")
    store.add("a", "c1", BOB, 60)

    clock.advance(12)
    store.sweep(10)

    assert store.get("a") == {"c1": BOB}
