"""The embedded store of sessions: what expires, what it frees, and that a walk misses nothing."""

from __future__ import annotations

import pytest

from holdfast.broker.sessions import MemorySessions, StoredSession
from tests.brokers import Clock


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def store(clock: Clock) -> MemorySessions:
    """Return an empty store."""
    return MemorySessions(clock)


async def test_sweep_frees_what_has_expired(store: MemorySessions, clock: Clock) -> None:
    """Nothing is left in memory of it, and what lives stays."""
    await store.put("alice", "a", b"1", 10)
    await store.put("bob", "b", b"2", 100)
    clock.advance(12)

    assert store.sweep(100) == 1
    assert len(store) == 1
    assert await store.sessions_of("alice") == {}
    assert await store.get("bob", "b") == b"2"


async def test_sweep_leaves_what_was_prolonged(store: MemorySessions, clock: Clock) -> None:
    """However often a session is put again, it is queued once."""
    for _ in range(50):
        await store.put("alice", "a", b"1", 10)
        clock.advance(9)
    store.sweep(100)

    assert await store.get("alice", "a") == b"1"
    assert store.sweep(100) <= 1


async def test_sweep_frees_what_was_cut_short(store: MemorySessions, clock: Clock) -> None:
    """A session that is put with a shorter life does not stay for the longer one."""
    await store.put("alice", "a", b"1", 1000)
    await store.put("alice", "a", b"ended", 10)
    clock.advance(12)
    store.sweep(100)

    assert len(store) == 0


async def test_sweep_forgets_what_was_deleted(store: MemorySessions, clock: Clock) -> None:
    """A session of the same name that came later is another one."""
    await store.put("alice", "a", b"1", 10)
    await store.delete("alice", "a")
    await store.put("alice", "a", b"2", 100)
    clock.advance(12)
    store.sweep(100)

    assert await store.get("alice", "a") == b"2"


async def test_capture_yields_all_in_slices(store: MemorySessions) -> None:
    """Also while sessions come and go between the slices."""
    for number in range(10):
        await store.put("alice", str(number), b"", 100)
    seen: set[str] = set()
    for some in store.capture(3):
        seen |= {one.session for one in some}
        await store.put("bob", str(len(seen)), b"", 100)
        await store.delete("alice", "0")

    assert {str(number) for number in range(1, 10)} <= seen


async def test_restored_session_keeps_its_deadline(store: MemorySessions, clock: Clock) -> None:
    """What comes from a snapshot ends when it would have."""
    store.restore(StoredSession("alice", "a", b"1", clock.now + 5))
    assert await store.get("alice", "a") == b"1"

    clock.advance(5)
    assert await store.get("alice", "a") is None
