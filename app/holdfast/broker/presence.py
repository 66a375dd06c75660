"""Who is present in which channel, for as long as somebody says so."""

from __future__ import annotations

from collections.abc import Callable

from holdfast.broker.base import PresenceStats
from holdfast.broker.expiry import ExpiryQueue
from holdfast.protocol.messages import ClientInfo

_WIDTH_SECONDS = 1.0


class _Entry:
    """A client in a channel."""

    __slots__ = ("channel", "client", "expires_at", "info")

    def __init__(self, channel: str, client: str) -> None:
        self.channel = channel
        self.client = client
        self.info = ClientInfo()
        self.expires_at = 0.0


class PresenceStore:
    """Presence entries by channel and client; each lives until its time to live has passed without a refresh.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._channels: dict[str, dict[str, _Entry]] = {}
        self._queue: ExpiryQueue[_Entry] = ExpiryQueue(_WIDTH_SECONDS)

    def __len__(self) -> int:
        """Return how many channels have entries in memory."""
        return len(self._channels)

    def add(self, channel: str, client: str, info: ClientInfo, ttl: float) -> None:
        """Enter or refresh a client for `ttl` seconds."""
        clients = self._channels.setdefault(channel, {})
        entry = clients.get(client)
        expires_at = self._clock() + ttl
        if entry is None:
            entry = clients[client] = _Entry(channel, client)
            self._queue.add(entry, expires_at)
        entry.info = info
        entry.expires_at = expires_at

    def remove(self, channel: str, client: str) -> None:
        """Remove a client; an unknown one is no error."""
        clients = self._channels.get(channel)
        if clients is not None and clients.pop(client, None) is not None and not clients:
            del self._channels[channel]

    def get(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is present, by client id."""
        now = self._clock()
        clients = self._channels.get(channel, {})
        return {client: entry.info for client, entry in clients.items() if now < entry.expires_at}

    def stats(self, channel: str) -> PresenceStats:
        """Return how many clients and different users are present."""
        present = self.get(channel)
        return PresenceStats(len(present), len({info.user for info in present.values()}))

    def sweep(self, budget: int) -> int:
        """Free what has expired, looking at up to `budget` entries, and return at how many."""
        return self._queue.sweep(self._clock(), budget, self._visit)

    # Private methods

    def _visit(self, entry: _Entry) -> float | None:
        clients = self._channels.get(entry.channel)
        if clients is None or clients.get(entry.client) is not entry:
            return None
        if self._clock() < entry.expires_at:
            return entry.expires_at
        self.remove(entry.channel, entry.client)
        return None
