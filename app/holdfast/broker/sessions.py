"""The embedded broker's store of login sessions: values that expire, kept by owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from holdfast.broker.expiry import ExpiryQueue
from holdfast.broker.pool import GONE, Pool

_WIDTH_SECONDS = 1.0


class StoredSession:
    """One session's value, and until when it is kept."""

    __slots__ = ("expires_at", "owner", "place", "session", "value")

    def __init__(self, owner: str, session: str, value: bytes, expires_at: float) -> None:
        self.owner = owner
        self.session = session
        self.value = value
        self.expires_at = expires_at
        self.place = GONE


class MemorySessions:
    """A `SessionStore` of one process; its methods never suspend, so each is one step.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._owners: dict[str, dict[str, StoredSession]] = {}
        self._pool: Pool[StoredSession] = Pool()
        self._queue: ExpiryQueue[StoredSession] = ExpiryQueue(_WIDTH_SECONDS)

    def __len__(self) -> int:
        """Return how many sessions are in memory."""
        return len(self._pool)

    # Public methods: SessionStore

    async def get(self, owner: str, session: str) -> bytes | None:
        """Return a session's value; see `SessionStore.get`."""
        found = self._find(owner, session)
        return found.value if found is not None else None

    async def put(self, owner: str, session: str, value: bytes, ttl: float) -> None:
        """Keep a value; see `SessionStore.put`."""
        self._enter(StoredSession(owner, session, value, self._clock() + ttl))

    async def swap(self, owner: str, session: str, expected: bytes, value: bytes, ttl: float) -> bool:
        """Replace a value; see `SessionStore.swap`."""
        found = self._find(owner, session)
        if found is None or found.value != expected:
            return False
        self._enter(StoredSession(owner, session, value, self._clock() + ttl))
        return True

    async def delete(self, owner: str, session: str) -> bool:
        """Forget a session; see `SessionStore.delete`."""
        found = self._find(owner, session)
        if found is not None:
            self._drop(found)
        return found is not None

    async def sessions_of(self, owner: str) -> dict[str, bytes]:
        """Return an owner's values; see `SessionStore.sessions_of`."""
        now = self._clock()
        return {one.session: one.value for one in self._owners.get(owner, {}).values() if now < one.expires_at}

    # Public methods: keeping

    def restore(self, stored: StoredSession) -> None:
        """Enter a session with its deadline."""
        self._enter(stored)

    def sweep(self, budget: int) -> int:
        """Free what has expired, looking at up to `budget` sessions, and return at how many."""
        return self._queue.sweep(self._clock(), budget, self._visit)

    def capture(self, budget: int) -> Iterator[list[StoredSession]]:
        """Yield all sessions in slices of at most `budget`; the store may change between slices."""
        cursor = len(self._pool)
        while (cursor := min(cursor, len(self._pool))) > 0:
            start = max(cursor - budget, 0)
            yield [self._pool[place] for place in range(start, cursor)]
            cursor = start

    # Private methods

    def _find(self, owner: str, session: str) -> StoredSession | None:
        found = self._owners.get(owner, {}).get(session)
        return found if found is not None and self._clock() < found.expires_at else None

    def _enter(self, stored: StoredSession) -> None:
        former = self._owners.get(stored.owner, {}).get(stored.session)
        if former is not None:
            # In place, so that the queue has one entry for each session however often it is replaced.
            former.value = stored.value
            is_sooner = stored.expires_at < former.expires_at
            former.expires_at = stored.expires_at
            if is_sooner:
                self._queue.add(former, former.expires_at)
            return
        self._owners.setdefault(stored.owner, {})[stored.session] = stored
        self._pool.add(stored)
        self._queue.add(stored, stored.expires_at)

    def _visit(self, stored: StoredSession) -> float | None:
        if stored.place == GONE:
            return None
        if self._clock() < stored.expires_at:
            return stored.expires_at
        self._drop(stored)
        return None

    def _drop(self, stored: StoredSession) -> None:
        if self._pool.discard(stored):
            sessions = self._owners[stored.owner]
            del sessions[stored.session]
            if not sessions:
                del self._owners[stored.owner]
