"""The hub: which local connections follow which channel, and the fan-out of publications to them.

A publication is encoded once per encoding and written as it is to every subscriber. All that one event-loop turn
publishes into a channel leaves in one write per subscriber. The fan-out runs in slices, so that pings, handshakes
and other channels get their turn; the order within a channel is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from holdfast.channels.local import LocalChannel
from holdfast.channels.subscriber import Gone, Subscriber
from holdfast.channels.tailored import Tailoring
from holdfast.protocol.messages import ClientInfo, MemberPush, Publication, Push, StreamPosition

# Writes one event-loop turn may make; about 10 ms of work.
SLICE = 1000
# Publications of one turn are glued up to this size, so that one write never fills a client's queue by itself.
BATCH_BYTES = 65536
# Comparing publications for those who get deltas takes the time of one write for about so many bytes.
COMPARED_BYTES = 128

Call = Callable[[Callable[[], object]], object]


class HubStats:
    """What the hub did, for the metrics; plain numbers because they are counted on the hot path."""

    __slots__ = ("delivered_bytes", "deliveries", "publications")

    def __init__(self) -> None:
        self.publications = 0
        self.deliveries = 0
        self.delivered_bytes = 0


class Hub:
    """The local subscribers of all channels.

    Args:
        call_soon: runs a callback in the loop's next turn.

    `on_gap` is called with a channel's name when publications of its stream were skipped on their way here.
    """

    def __init__(self, call_soon: Call) -> None:
        self.stats = HubStats()
        self._channels: dict[str, LocalChannel] = {}
        self._call_soon = call_soon
        self.on_gap: Callable[[str], None] = lambda name: None
        self._ready: deque[LocalChannel] = deque()
        self._scheduled = False

    # Public methods: subscribers

    def add(
        self,
        name: str,
        subscriber: Subscriber,
        *,
        watches: bool = False,
        after: StreamPosition | None = None,
        tailoring: Tailoring | None = None,
    ) -> None:
        """Deliver to `subscriber` what is published from now on; joins and leaves too if it `watches`.

        With `after`, of the stream exactly what comes behind that position, also where publications before it are
        still on their way here. With `tailoring` in the form that says.
        """
        channel = self._obtain(name)
        if after is not None and channel.epoch not in (None, after.epoch):
            # The stream began anew and nothing of it has come yet: who follows the old one waits in vain.
            channel.begin_anew()
            self.on_gap(name)
            channel = self._obtain(name)
        channel.seal()
        channel.enter(subscriber, after, tailoring)
        if watches:
            if channel.watchers is None:
                channel.watchers = set()
            channel.watchers.add(subscriber)

    def remove(self, name: str, subscriber: Subscriber) -> None:
        """Deliver nothing more to `subscriber`, not even what is on its way."""
        channel = self._channels.get(name)
        if channel is not None:
            channel.seal()
            channel.leave(subscriber)
            self._drop_if_unused(channel)

    def count(self, name: str) -> int:
        """Return how many local subscribers a channel has."""
        channel = self._channels.get(name)
        return channel.count() if channel else 0

    def subscribers(self, name: str) -> list[Subscriber]:
        """Return a channel's local subscribers."""
        channel = self._channels.get(name)
        return list(channel.members()) if channel else []

    def channels(self) -> Iterator[str]:
        """Iterate over the channels with local subscribers."""
        return (name for name, channel in self._channels.items() if channel.is_followed)

    def __len__(self) -> int:
        """Return how many channels are followed here."""
        return len(self._channels)

    # Public methods: positions

    def begin(self, name: str) -> list[Publication]:
        """Start to collect what is published while a subscription is being made; `end` must follow.

        `GAP` stands in the buffer where something was skipped.
        """
        channel = self._obtain(name)
        if not channel.is_followed and channel.waiting is None:
            channel.position = None  # of a time when the broker delivered the channel here
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
        """Return how far the channel's stream has come here, None if nothing has."""
        channel = self._channels.get(name)
        return channel.position if channel else None

    def covered(self, name: str) -> StreamPosition | None:
        """Return the position up to which the channel's subscribers have everything, None if none asked for one."""
        channel = self._channels.get(name)
        if channel is None or channel.checked_at is None or not channel.is_followed:
            return None
        return channel.covered

    def forget_position(self, name: str) -> None:
        """Let the next publication that comes be no gap: that something was lost before it is known."""
        if channel := self._channels.get(name):
            channel.position = None

    def spoil(self, name: str) -> None:
        """Let subscriptions in the making know that something was skipped on its way here."""
        if channel := self._channels.get(name):
            channel.spoil()

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

    def deliver(self, name: str, publication: Publication, position: StreamPosition, use_delta: bool = False) -> None:
        """Send a publication to the channel's subscribers in this turn or the next.

        One that was seen already is dropped; one that shows a gap is delivered after `on_gap` was told. With
        `use_delta` those who negotiated deltas get one.
        """
        self.stats.publications += 1
        channel = self._channels.get(name)
        if channel is None or (publication.offset and not self._advance(channel, position)):
            return
        if channel.waiting is not None:
            for buffer in channel.waiting:
                buffer.append(publication)
        if channel.late is not None and not publication.offset:
            channel.address_all(publication)
            self._schedule(channel)
            return
        size = len(publication.data)
        if channel.open_bytes + size > BATCH_BYTES:
            channel.seal()  # without this one, however large: the publisher's turn is none to compare in
        if channel.tailored is not None:
            if use_delta:
                channel.tailored.wanted.add(len(channel.open))
        elif not channel.groups:
            return
        channel.open.append(publication)
        channel.open_bytes += size
        self._schedule(channel)

    def deliver_join(self, name: str, info: ClientInfo) -> None:
        """Tell the channel's watchers that somebody joined."""
        self._deliver_member(name, Push(channel=name, join=MemberPush(info)))

    def deliver_leave(self, name: str, info: ClientInfo) -> None:
        """Tell the channel's watchers that somebody left."""
        self._deliver_member(name, Push(channel=name, leave=MemberPush(info)))

    # Private methods

    def _obtain(self, name: str) -> LocalChannel:
        channel = self._channels.get(name)
        if channel is None:
            channel = self._channels[name] = LocalChannel(name)
        return channel

    def _advance(self, channel: LocalChannel, position: StreamPosition) -> bool:
        """Move the channel's position on; return whether the publication there is new."""
        known = channel.position
        if known is not None and known.epoch == position.epoch and position.offset <= known.offset:
            return False
        has_gap = known is not None and (known.epoch != position.epoch or position.offset != known.offset + 1)
        channel.position = position
        if channel.late is not None:
            channel.seal()
            has_gap = channel.let_in(position) or has_gap
        if has_gap:
            channel.spoil()
            self.on_gap(channel.name)
        return True

    def _deliver_member(self, name: str, push: Push) -> None:
        channel = self._channels.get(name)
        if channel is not None and channel.watchers:
            channel.address(push, iter(channel.watchers))
            self._schedule(channel)

    def _schedule(self, channel: LocalChannel) -> None:
        if not channel.queued:
            channel.queued = True
            self._ready.append(channel)
        if not self._scheduled:
            self._scheduled = True
            self._call_soon(self._run)

    def _run(self) -> None:
        """Make up to SLICE writes, or compare for as long, then let the loop turn."""
        budget = SLICE
        while self._ready and budget > 0:
            channel = self._ready.popleft()
            channel.queued = False
            if not channel.batches:  # else what was published during a long fan-out is glued into the next one
                if channel.tailored is not None:
                    budget -= channel.open_bytes // COMPARED_BYTES
                channel.seal()
            if budget > 0:
                budget -= self._write(channel, budget)
            if channel.batches or channel.open:
                self._schedule(channel)
            else:
                self._drop_if_unused(channel)
        if self._ready:
            self._call_soon(self._run)
        else:
            self._scheduled = False

    def _write(self, channel: LocalChannel, budget: int) -> int:
        """Write the next slice of the channel's first batch and return how many writes it took."""
        if not channel.batches:
            return 0
        batch = channel.batches[0]
        unit = batch.unit
        start = batch.next
        targets = batch.targets[start : start + budget]
        batch.next = start + len(targets)
        _write_all(iter(targets), unit)
        if batch.next >= len(batch.targets):
            channel.batches.popleft()
        self.stats.deliveries += len(targets) * batch.count
        self.stats.delivered_bytes += len(targets) * len(unit)
        return len(targets)

    def _drop_if_unused(self, channel: LocalChannel) -> None:
        # One that waits in the queue may have been dropped before, and another taken its place under the same name.
        if not channel.is_used and self._channels.get(channel.name) is channel:
            del self._channels[channel.name]


def _write_all(targets: Iterator[Subscriber | Gone], unit: bytes) -> None:
    """Write a unit to each; one whose write raises ends alone and the others go on."""
    subscriber: Subscriber | Gone
    while True:
        try:
            for subscriber in targets:
                if subscriber.flowing:
                    subscriber.write(unit)  # type: ignore[union-attr]  # what is gone does not flow
                else:
                    subscriber.write_slow(unit)
            return
        except Exception as error:  # the boundary of one subscriber: a bug there must not stop the fan-out for all
            subscriber.on_write_failed(error)
