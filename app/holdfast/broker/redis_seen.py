"""How far each channel's stream has come here: what a master that came back older can be found out by.

Channels that are followed are all known; of the others, that were published into or followed before, the latest ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

# Some 300 bytes each.
MOST_OTHERS = 20000


class Seen(NamedTuple):
    """The highest position seen, and under which run of a server."""

    epoch: str
    offset: int
    run: bytes


UNSEEN = Seen("", 0, b"")


class SeenPositions:
    """Positions by channel.

    Args:
        most_others: how many channels are remembered that are not followed.
    """

    def __init__(self, most_others: int = MOST_OTHERS) -> None:
        self._most_others = most_others
        self._followed: dict[str, Seen] = {}
        self._others: dict[str, Seen] = {}  # the one whose turn to go is next comes first

    def get(self, name: str) -> Seen:
        """Return what was seen of a channel."""
        return self._followed.get(name) or self._others.get(name) or UNSEEN

    def follow(self, name: str) -> None:
        """Remember a channel until `leave`."""
        self._followed[name] = self._others.pop(name, UNSEEN)

    def leave(self, name: str) -> None:
        """Remember a channel for a while yet."""
        seen = self._followed.pop(name, UNSEEN)
        if seen.offset:
            self._keep(name, seen)

    def note(self, name: str, seen: Seen) -> bool:
        """See a position; return whether it does not follow from what was seen before without a look at the stream.

        What has to be looked at changes nothing here: `settle` does, after the look.
        """
        known = self.get(name)
        if known.offset and (known.epoch, known.run) != (seen.epoch, seen.run):
            return True
        self.settle(name, seen)
        return False

    def settle(self, name: str, seen: Seen) -> None:
        """Take a position that the stream has, after whatever was seen before."""
        known = self.get(name)
        if known.epoch == seen.epoch and known.run == seen.run and known.offset > seen.offset:
            return  # an answer that was overtaken
        if name in self._followed:
            self._followed[name] = seen
        else:
            self._others.pop(name, None)
            self._keep(name, seen)

    def of_other_runs(self, runs: frozenset[bytes]) -> Iterator[str]:
        """Iterate over the channels that were seen under other runs than these."""
        for positions in (self._followed, self._others):
            for name, seen in list(positions.items()):
                if seen.offset and seen.run not in runs:
                    yield name

    def _keep(self, name: str, seen: Seen) -> None:
        self._others[name] = seen
        if len(self._others) > self._most_others:
            del self._others[next(iter(self._others))]
