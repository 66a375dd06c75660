"""One channel as this instance sees it: who follows it, how far its stream has come here, what is on its way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from holdfast.channels.subscriber import GONE, Batch, Gone, Subscriber
from holdfast.channels.tailored import Tailored, Tailoring
from holdfast.protocol.framing import Encoding
from holdfast.protocol.messages import Publication, Push, StreamPosition

GAP: Final = Publication(offset=-1)
"""Stands in a buffer where publications of the stream were skipped on their way here."""


class LocalChannel:
    """A channel with local subscribers, or with some in the making.

    `position` is that of the last publication that came here; None until the first, or the first subscriber that
    names a position while nobody else could miss anything.
    """

    __slots__ = (
        "batches",
        "checked_at",
        "groups",
        "late",
        "name",
        "open",
        "open_bytes",
        "position",
        "queued",
        "tailored",
        "waiting",
        "watchers",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.groups: dict[Encoding, dict[Subscriber, None]] = {}
        self.tailored: Tailored | None = None  # who gets publications in another form
        # Who starts behind publications that are still on their way here, to the others.
        self.late: dict[Subscriber, StreamPosition] | None = None
        self.watchers: set[Subscriber] | None = None  # who gets joins and leaves
        self.position: StreamPosition | None = None
        self.checked_at: float | None = None  # None: nobody asked for a position
        self.open: list[Publication] = []  # published, not yet sealed
        self.open_bytes = 0
        self.batches: deque[Batch] = deque()
        self.queued = False
        self.waiting: list[list[Publication]] | None = None  # buffers of subscriptions being made

    # Public methods: subscribers

    @property
    def is_followed(self) -> bool:
        """Whether it has subscribers."""
        return bool(self.groups) or self.late is not None or self.tailored is not None

    @property
    def is_used(self) -> bool:
        """Whether there is any reason to keep it."""
        return self.is_followed or self.waiting is not None or bool(self.batches)

    @property
    def covered(self) -> StreamPosition | None:
        """The position up to which all subscribers have everything, None if nobody told one."""
        if self.position is not None or self.late is None:
            return self.position
        return min(self.late.values())

    @property
    def epoch(self) -> str | None:
        """The epoch that all positions here are of, None if there are none."""
        covered = self.covered
        return covered.epoch if covered is not None else None

    def members(self) -> Iterator[Subscriber]:
        """Iterate over the subscribers."""
        for group in self.groups.values():
            yield from group
        if self.tailored is not None:
            yield from self.tailored.members()
        if self.late is not None:
            yield from self.late

    def count(self) -> int:
        """Return how many subscribers there are."""
        if self.tailored is not None:
            return sum(1 for _ in self.members())
        return sum(map(len, self.groups.values())) + (len(self.late) if self.late is not None else 0)

    def enter(self, subscriber: Subscriber, after: StreamPosition | None, tailoring: Tailoring | None = None) -> None:
        """Take a subscriber in; what came before is sealed. `after` is the position it starts behind, None for none."""
        if after is None or self._has_come_to(after):
            self._place(subscriber, tailoring)
            return
        if self.late is None:
            self.late = {}
        self.late[subscriber] = after
        if tailoring is not None:
            self._tailored().waiting[subscriber] = tailoring

    def leave(self, subscriber: Subscriber) -> None:
        """Let a subscriber go, and let what is on its way pass it by."""
        group = self.groups.get(subscriber.encoding)
        # `self` stands for "was not there", since the members' values are None.
        if group is not None and group.pop(subscriber, self) is None and not group:
            del self.groups[subscriber.encoding]
        if self.late is not None and self.late.pop(subscriber, None) is not None and not self.late:
            self.late = None
        if self.tailored is not None:
            self.tailored.leave(subscriber)
            self.tailored = self.tailored or None
        if self.watchers is not None:
            self.watchers.discard(subscriber)
        if self.batches and not subscriber.closed:  # a closed one drops what it gets
            self._forget(subscriber)

    def let_in(self, position: StreamPosition) -> bool:
        """Take in who waited for the publication at `position`; return whether one of them missed some before it."""
        has_gap = False
        for subscriber, after in list((self.late or {}).items()):
            if after.epoch == position.epoch and after.offset >= position.offset:
                continue
            has_gap = has_gap or after != (position.offset - 1, position.epoch)
            waiting = self.tailored.waiting if self.tailored is not None else {}
            self._place(subscriber, waiting.pop(subscriber, None))
            del self.late[subscriber]  # type: ignore[union-attr]  # the loop had something to go through
        self.late = self.late or None
        return has_gap

    def spoil(self) -> None:
        """Say in the buffers of subscriptions that are being made that something was skipped."""
        for buffer in self.waiting or ():
            buffer.append(GAP)

    def begin_anew(self) -> None:
        """Let go of the position in a stream that is over.

        Without it nobody could tell of which epoch a buffer's publications are, so what was collected is spoiled.
        """
        self.position = None
        for buffer in self.waiting or ():
            if any(one.offset for one in buffer):
                buffer.append(GAP)

    # Public methods: what is on its way

    def seal(self) -> None:
        """Fix who gets the open publications: those who are subscribed at this moment."""
        if not self.open:
            return
        pushes = [Push(channel=self.name, pub=publication) for publication in self.open]
        known: dict[Encoding, list[bytes]] = {}
        for encoding, group in self.groups.items():
            units = known[encoding] = [encoding.wrap(encoding.codec.encode_push(push)) for push in pushes]
            unit = units[0] if len(units) == 1 else encoding.join(units)
            self.batches.append(Batch(unit, len(units), list(group)))
        if self.tailored is not None:
            self.batches.extend(self.tailored.seal(self.name, self.open, known))
        self.open = []
        self.open_bytes = 0

    def address(self, push: Push, subscribers: Iterator[Subscriber]) -> None:
        """Put a push on its way to some subscribers, behind what is on its way already."""
        self.seal()
        by_encoding: dict[Encoding, list[Subscriber | Gone]] = {}
        for subscriber in subscribers:
            by_encoding.setdefault(subscriber.encoding, []).append(subscriber)
        for encoding, targets in by_encoding.items():
            self.batches.append(Batch(encoding.wrap(encoding.codec.encode_push(push)), 1, targets))

    def address_all(self, publication: Publication) -> None:
        """Put a publication without a position on its way to all, also to those who wait for the stream."""
        waiting = self.tailored.waiting if self.tailored is not None else {}
        plain = [one for group in self.groups.values() for one in group]
        plain += [one for one in self.late or () if one not in waiting]
        self.address(Push(channel=self.name, pub=publication), iter(plain))
        if self.tailored is not None:
            self.batches.extend(self.tailored.address(self.name, publication))

    # Private methods

    def _place(self, subscriber: Subscriber, tailoring: Tailoring | None) -> None:
        if tailoring is None:
            self.groups.setdefault(subscriber.encoding, {})[subscriber] = None
        else:
            self._tailored().enter(subscriber, tailoring)

    def _tailored(self) -> Tailored:
        if self.tailored is None:
            self.tailored = Tailored()
        return self.tailored

    def _has_come_to(self, after: StreamPosition) -> bool:
        known = self.position
        if known is not None and known.epoch == after.epoch and known.offset >= after.offset:
            return True
        # Publications up to `after` may still be on their way here. Only if nobody waits for them may they be dropped.
        if self.is_followed or self.waiting is not None:
            return False
        self.position = after
        return True

    def _forget(self, subscriber: Subscriber) -> None:
        for batch in self.batches:
            try:
                batch.targets[batch.targets.index(subscriber, batch.next)] = GONE
            except ValueError:
                continue
