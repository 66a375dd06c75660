"""The hub: which local connections follow which channel, and the fan-out of publications to them.

A publication is encoded once per encoding and written as it is to every subscriber. All that one event-loop turn
publishes into a channel leaves in one write per subscriber. The fan-out runs in slices, so that pings, handshakes
and other channels get their turn; the order within a channel is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Protocol

from holdfast.protocol.framing import Encoding
from holdfast.protocol.messages import ClientInfo, MemberPush, Publication, Push, StreamPosition

# Writes one event-loop turn may make; about 10 ms of work.
SLICE = 1000
# Publications of one turn are glued up to this size, so that one write never fills a client's queue by itself.
BATCH_BYTES = 65536

Call = Callable[[Callable[[], object]], object]


class Subscriber(Protocol):
    """A connection, as the hub sees it."""

    closed: bool
    flowing: bool
    """False while a write needs more care: the peer is slow, replies are being collected, or the end has come."""
    write: Callable[[bytes], None]

    @property
    def encoding(self) -> Encoding:
        """What `write` takes."""

    def write_slow(self, unit: bytes) -> None:
        """Write a unit while not flowing."""


class _Gone:
    """Stands in a fan-out's list for a subscriber that left in the middle of it."""

    flowing = False

    def write_slow(self, unit: bytes) -> None:
        """Drop the unit."""


_GONE = _Gone()


class HubStats:
    """What the hub did, for the metrics; plain numbers because they are counted on the hot path."""

    __slots__ = ("delivered_bytes", "deliveries", "publications")

    def __init__(self) -> None:
        self.publications = 0
        self.deliveries = 0
        self.delivered_bytes = 0


class _Batch:
    """Units on their way to the subscribers there were when the batch was sealed."""

    __slots__ = ("count", "next", "targets", "unit")

    def __init__(self, unit: bytes, count: int, targets: list[Subscriber | _Gone]) -> None:
        self.unit = unit
        self.count = count
        self.targets = targets
        self.next = 0


class _Channel:
    """A channel with local subscribers."""

    __slots__ = (
        "batches",
        "checked_at",
        "groups",
        "name",
        "open",
        "open_bytes",
        "position",
        "queued",
        "waiting",
        "watchers",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.groups: dict[Encoding, dict[Subscriber, None]] = {}
        self.watchers: set[Subscriber] | None = None  # who gets joins and leaves
        self.position: StreamPosition | None = None  # of the last publication that came here
        self.checked_at: float | None = None  # None: nobody asked for a position
        self.open: list[Publication] = []  # published, not yet sealed
        self.open_bytes = 0
        self.batches: deque[_Batch] = deque()
        self.queued = False
        self.waiting: list[list[Publication]] | None = None  # buffers of subscriptions being made


class Hub:
    """The local subscribers of all channels.

    Args:
        call_soon: runs a callback in the loop's next turn.

    `on_gap` is called with a channel's name when publications of its stream were skipped on their way here.
    """

    def __init__(self, call_soon: Call) -> None:
        self.stats = HubStats()
        self._channels: dict[str, _Channel] = {}
        self._call_soon = call_soon
        self.on_gap: Callable[[str], None] = lambda name: None
        self._ready: deque[_Channel] = deque()
        self._scheduled = False

    # Public methods: subscribers

    def add(self, name: str, subscriber: Subscriber, *, watches: bool = False) -> None:
        """Deliver to `subscriber` what is published from now on; joins and leaves too if it `watches`."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel(name)
        self._seal(channel)
        channel.groups.setdefault(subscriber.encoding, {})[subscriber] = None
        if watches:
            if channel.watchers is None:
                channel.watchers = set()
            channel.watchers.add(subscriber)

    def remove(self, name: str, subscriber: Subscriber) -> None:
        """Deliver nothing more to `subscriber`, not even what is on its way."""
        channel = self._channels.get(name)
        if channel is None:
            return
        self._seal(channel)
        group = channel.groups.get(subscriber.encoding)
        if group is not None and group.pop(subscriber, self) is None and not group:
            del channel.groups[subscriber.encoding]
        if channel.watchers is not None:
            channel.watchers.discard(subscriber)
        if channel.batches and not subscriber.closed:
            _forget(channel.batches, subscriber)
        self._drop_if_unused(channel)

    def count(self, name: str) -> int:
        """Return how many local subscribers a channel has."""
        channel = self._channels.get(name)
        return sum(map(len, channel.groups.values())) if channel else 0

    def subscribers(self, name: str) -> list[Subscriber]:
        """Return a channel's local subscribers."""
        channel = self._channels.get(name)
        return [one for group in channel.groups.values() for one in group] if channel else []

    def channels(self) -> Iterator[str]:
        """Iterate over the channels with local subscribers."""
        return (name for name, channel in self._channels.items() if channel.groups)

    def __len__(self) -> int:
        """Return how many channels are followed here."""
        return len(self._channels)

    # Public methods: positions

    def begin(self, name: str) -> list[Publication]:
        """Start to collect what is published while a subscription is being made; `end` must follow."""
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = _Channel(name)
        buffer: list[Publication] = []
        if channel.waiting is None:
            channel.waiting = []
        channel.waiting.append(buffer)
        return buffer

    def end(self, name: str, buffer: list[Publication]) -> None:
        """Stop collecting into `buffer`."""
        channel = self._channels.get(name)
        if channel is None or channel.waiting is None:
            return
        channel.waiting = [other for other in channel.waiting if other is not buffer] or None
        self._drop_if_unused(channel)

    def position(self, name: str) -> StreamPosition | None:
        """Return how far the channel's stream has come here, None if nobody has told."""
        channel = self._channels.get(name)
        return channel.position if channel else None

    def set_position(self, name: str, position: StreamPosition, now: float) -> None:
        """Note where a new subscriber starts, unless the stream is known to have come further."""
        channel = self._channels.get(name)
        if channel is None:
            return
        known = channel.position
        if known is None or known.epoch != position.epoch or known.offset < position.offset:
            channel.position = position
        channel.checked_at = now

    def unchecked(self, before: float) -> list[str]:
        """Return the channels with a position that was last confirmed before a moment."""
        return [
            channel.name
            for channel in self._channels.values()
            if channel.checked_at is not None and channel.checked_at < before
        ]

    def mark_checked(self, name: str, now: float) -> None:
        """Note that a channel's position was confirmed."""
        if channel := self._channels.get(name):
            channel.checked_at = now

    # Public methods: deliveries

    def deliver(self, name: str, publication: Publication, position: StreamPosition) -> None:
        """Send a publication to the channel's subscribers in this turn or the next.

        One that was seen already is dropped; one that shows a gap is delivered after `on_gap` was told.
        """
        channel = self._channels.get(name)
        if channel is None:
            return
        if publication.offset and not self._advance(channel, position):
            return
        self.stats.publications += 1
        if channel.waiting is not None:
            for buffer in channel.waiting:
                buffer.append(publication)
        if not channel.groups:
            return
        channel.open.append(publication)
        channel.open_bytes += len(publication.data)
        if channel.open_bytes >= BATCH_BYTES:
            self._seal(channel)
        self._schedule(channel)

    def deliver_join(self, name: str, info: ClientInfo) -> None:
        """Tell the channel's watchers that somebody joined."""
        self._deliver_member(name, Push(channel=name, join=MemberPush(info)))

    def deliver_leave(self, name: str, info: ClientInfo) -> None:
        """Tell the channel's watchers that somebody left."""
        self._deliver_member(name, Push(channel=name, leave=MemberPush(info)))

    # Private methods

    def _advance(self, channel: _Channel, position: StreamPosition) -> bool:
        known = channel.position
        if known is not None:
            if known.epoch == position.epoch and position.offset <= known.offset:
                return False
            if known.epoch != position.epoch or position.offset != known.offset + 1:
                channel.position = position
                self.on_gap(channel.name)
                return True
        channel.position = position
        return True

    def _deliver_member(self, name: str, push: Push) -> None:
        channel = self._channels.get(name)
        if channel is None or not channel.watchers:
            return
        self._seal(channel)
        by_encoding: dict[Encoding, list[Subscriber | _Gone]] = {}
        for watcher in channel.watchers:
            by_encoding.setdefault(watcher.encoding, []).append(watcher)
        for encoding, targets in by_encoding.items():
            unit = encoding.wrap(encoding.codec.encode_push(push))
            channel.batches.append(_Batch(unit, 1, targets))
        self._schedule(channel)

    def _seal(self, channel: _Channel) -> None:
        """Fix who gets the open publications: those who are subscribed at this moment."""
        if not channel.open:
            return
        pushes = [Push(channel=channel.name, pub=publication) for publication in channel.open]
        for encoding, group in channel.groups.items():
            units = [encoding.wrap(encoding.codec.encode_push(push)) for push in pushes]
            unit = units[0] if len(units) == 1 else encoding.join(units)
            channel.batches.append(_Batch(unit, len(units), list(group)))
        channel.open = []
        channel.open_bytes = 0

    def _schedule(self, channel: _Channel) -> None:
        if not channel.queued:
            channel.queued = True
            self._ready.append(channel)
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self._run)

    def _run(self) -> None:
        """Make up to SLICE writes, then let the loop turn."""
        budget = SLICE
        while self._ready and budget > 0:
            channel = self._ready.popleft()
            if not channel.batches:  # else what was published during a long fan-out is glued into the next one
                self._seal(channel)
            budget -= self._write(channel, budget)
            if channel.batches or channel.open:
                self._ready.append(channel)
            else:
                channel.queued = False
                self._drop_if_unused(channel)
        if self._ready:
            self._call_soon(self._run)
        else:
            self._scheduled = False

    def _write(self, channel: _Channel, budget: int) -> int:
        """Write the next slice of the channel's first batch and return how many writes it took."""
        if not channel.batches:
            return 0
        batch = channel.batches[0]
        unit = batch.unit
        start = batch.next
        targets = batch.targets[start : start + budget]
        batch.next = start + len(targets)
        for subscriber in targets:
            if subscriber.flowing:
                subscriber.write(unit)  # type: ignore[union-attr]  # what is gone does not flow
            else:
                subscriber.write_slow(unit)
        if batch.next >= len(batch.targets):
            channel.batches.popleft()
        self.stats.deliveries += len(targets) * batch.count
        self.stats.delivered_bytes += len(targets) * len(unit)
        return len(targets)

    def _drop_if_unused(self, channel: _Channel) -> None:
        if not channel.groups and channel.waiting is None and not channel.batches:
            self._channels.pop(channel.name, None)


def _forget(batches: deque[_Batch], subscriber: Subscriber) -> None:
    for batch in batches:
        try:
            batch.targets[batch.targets.index(subscriber, batch.next)] = _GONE
        except ValueError:
            continue
