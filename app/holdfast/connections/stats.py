"""What connections did, counted as plain numbers; the metrics read them when they are scraped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass


class ConnectionStats:
    """Counts since the start; by method, by slug."""

    __slots__ = (
        "commands",
        "ends",
        "errors",
        "messages",
        "opened",
        "received_bytes",
        "recoveries",
        "refused",
        "subscriptions",
    )

    def __init__(self) -> None:
        self.opened = 0
        self.messages = 0
        self.received_bytes = 0
        self.subscriptions = 0  # live ones
        self.commands: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()  # error replies
        self.ends: Counter[tuple[str, str]] = Counter()  # of connections, by slug and initiator
        self.refused: Counter[str] = Counter()  # handshakes
        self.recoveries: Counter[bool] = Counter()  # by whether everything missed could be given

    @property
    def closes(self) -> Counter[str]:
        """The ends of connections by slug alone."""
        found: Counter[str] = Counter()
        for (slug, _), count in self.ends.items():
            found[slug] += count
        return found

    def count_command(self, method: str) -> None:
        """Count a command."""
        self.commands[method] += 1

    def subscribed(self, recovering: bool, recovered: bool) -> None:
        """Count a subscription, and how its recovery went."""
        self.subscriptions += 1
        if recovering:
            self.recoveries[recovered] += 1

    def unsubscribed(self, count: int) -> None:
        """Count ended subscriptions."""
        self.subscriptions -= count


@dataclass(frozen=True, slots=True)
class Statistics:
    """All connections of an instance at one moment, and what became of others since the start.

    `connections` are those whose connect succeeded, `opening` those that have not connected yet; `addresses` counts
    both. `opened` are all that were accepted, `refused` the handshakes that were not, `closes` the ends, by slug.
    """

    connections: int
    opening: int
    by_transport: Mapping[str, int]
    users: int
    addresses: int
    subscriptions: int
    opened: int
    refused: Mapping[str, int]
    closes: Mapping[str, int]
