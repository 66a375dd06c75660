"""Subscribers of one channel who do not get its publications as they are: those with deltas, and those with a filter.

They are few or none, so a channel has this part only while there are any, and the others pay nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from holdfast.channels.subscriber import Batch, Gone, Subscriber
from holdfast.channels.tags_filter import TagsFilter
from holdfast.protocol.deltas import Delta, changed, whole
from holdfast.protocol.framing import Encoding
from holdfast.protocol.messages import Publication, Push

Group = dict[Encoding, dict[Subscriber, None]]
Units = dict[Encoding, list[bytes]]


@dataclass(frozen=True, slots=True)
class Tailoring:
    """What one subscriber asked for: with a filter, publications that pass it, else deltas.

    `base` is the data it got last, None where it got none yet.
    """

    base: bytes | None = None
    filter: TagsFilter | None = None


class Filtered:
    """The subscribers with equal filters."""

    __slots__ = ("filter", "group")

    def __init__(self, tags_filter: TagsFilter) -> None:
        self.filter = tags_filter
        self.group: Group = {}


class Tailored:
    """The channel's subscribers with deltas or filters.

    A subscriber's deltas are made against what it got last. All that are `based` got the same, `base`; those that are
    `fresh` got nothing yet, or something else, and get the next publication whole.
    """

    __slots__ = ("base", "based", "filtered", "filters", "fresh", "waiting", "wanted")

    def __init__(self) -> None:
        self.base = b""
        self.based: Group = {}
        self.fresh: Group = {}
        self.filters: dict[bytes, Filtered] = {}
        self.filtered: dict[Subscriber, Filtered] = {}
        self.waiting: dict[Subscriber, Tailoring] = {}  # of the channel's late subscribers
        self.wanted: set[int] = set()  # the places of open publications for which deltas are wanted

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.based or self.fresh or self.filtered or self.waiting)

    def members(self) -> Iterator[Subscriber]:
        """Iterate over the subscribers, except those that wait."""
        for group in (*self.based.values(), *self.fresh.values()):
            yield from group
        yield from self.filtered

    def enter(self, subscriber: Subscriber, tailoring: Tailoring) -> None:
        """Take a subscriber in; what came before is sealed."""
        if tailoring.filter is not None:
            self._enter_filtered(subscriber, tailoring.filter)
            return
        base = tailoring.base
        if base is not None and (not self.based or base == self.base):
            self.base = base
            group = self.based
        else:
            group = self.fresh
        group.setdefault(subscriber.encoding, {})[subscriber] = None

    def leave(self, subscriber: Subscriber) -> None:
        """Let a subscriber go."""
        self.waiting.pop(subscriber, None)
        _discard(self.based, subscriber)
        _discard(self.fresh, subscriber)
        filtered = self.filtered.pop(subscriber, None)
        if filtered is not None:
            _discard(filtered.group, subscriber)
            if not filtered.group:
                del self.filters[filtered.filter.key]

    def seal(self, channel: str, publications: list[Publication], units: Units) -> Iterator[Batch]:
        """Yield the batches that carry the open publications; everybody is based on the last of them then.

        Args:
            channel: its name.
            publications: those that are open.
            units: what they are as they are, by encoding; more is added where needed.
        """
        yield from self._seal_deltas(channel, publications)
        if self.filtered:
            yield from self._seal_filtered(channel, publications, units)

    def address(self, channel: str, publication: Publication) -> Iterator[Batch]:
        """Yield the batches that carry one publication to all, also to those that wait; they are based on it then."""
        base = bytes(publication.data)
        whole_to: dict[Encoding, list[Subscriber | Gone]] = {}
        plain_to: dict[Encoding, list[Subscriber | Gone]] = {}
        for group in (self.based, self.fresh):
            for encoding, members in group.items():
                whole_to.setdefault(encoding, []).extend(members)
        filters = {subscriber: one.filter for subscriber, one in self.filtered.items()}
        for subscriber, tailoring in self.waiting.items():
            if tailoring.filter is not None:
                filters[subscriber] = tailoring.filter
                continue
            self.waiting[subscriber] = replace(tailoring, base=base)
            whole_to.setdefault(subscriber.encoding, []).append(subscriber)
        for subscriber, tags_filter in filters.items():
            if tags_filter.accepts(publication):
                plain_to.setdefault(subscriber.encoding, []).append(subscriber)
        for encoding, targets in whole_to.items():
            yield Batch(_tailored_unit(channel, publication, None, encoding), 1, targets)
        for encoding, targets in plain_to.items():
            yield Batch(unit_of(channel, publication, encoding), 1, targets)
        self.base = base
        self._settle()

    # Private methods

    def _seal_deltas(self, channel: str, publications: list[Publication]) -> Iterator[Batch]:
        wanted, self.wanted = self.wanted, set()
        if not self.based and not self.fresh:
            return
        deltas: list[Delta | None] = []
        for place, publication in enumerate(publications):
            data = bytes(publication.data)
            has_base = place > 0 or bool(self.based)
            deltas.append(Delta(self.base, data) if place in wanted and has_base else None)
            self.base = data
        for encoding in {**self.based, **self.fresh}:
            pairs = zip(publications, deltas, strict=True)
            units = [_tailored_unit(channel, publication, delta, encoding) for publication, delta in pairs]
            if based := self.based.get(encoding):
                yield _batch(units, encoding, list(based))
            if fresh := self.fresh.get(encoding):
                units[0] = _tailored_unit(channel, publications[0], None, encoding)
                yield _batch(units, encoding, list(fresh))
        self._settle()

    def _seal_filtered(self, channel: str, publications: list[Publication], units: Units) -> Iterator[Batch]:
        """Judge once for each filter; those who get the same share a unit, whatever their filters."""
        alike: dict[tuple[int, ...], list[Group]] = {}
        for one in self.filters.values():
            accepted = tuple(place for place, each in enumerate(publications) if one.filter.accepts(each))
            if accepted:
                alike.setdefault(accepted, []).append(one.group)
        for accepted, groups in alike.items():
            for encoding in {encoding: None for group in groups for encoding in group}:
                if encoding not in units:
                    units[encoding] = [unit_of(channel, one, encoding) for one in publications]
                mine = [units[encoding][place] for place in accepted]
                yield _batch(mine, encoding, [one for group in groups for one in group.get(encoding, ())])

    def _enter_filtered(self, subscriber: Subscriber, tags_filter: TagsFilter) -> None:
        filtered = self.filters.get(tags_filter.key)
        if filtered is None:
            filtered = self.filters[tags_filter.key] = Filtered(tags_filter)
        filtered.group.setdefault(subscriber.encoding, {})[subscriber] = None
        self.filtered[subscriber] = filtered

    def _settle(self) -> None:
        for encoding, group in self.fresh.items():
            self.based.setdefault(encoding, {}).update(group)
        self.fresh = {}


def _discard(group: Group, subscriber: Subscriber) -> None:
    members = group.get(subscriber.encoding)
    if members is not None:
        members.pop(subscriber, None)
        if not members:
            del group[subscriber.encoding]


def unit_of(channel: str, publication: Publication, encoding: Encoding) -> bytes:
    """Return a publication as it is, in one encoding."""
    return encoding.wrap(encoding.codec.encode_push(Push(channel=channel, pub=publication)))


def _tailored_unit(channel: str, publication: Publication, delta: Delta | None, encoding: Encoding) -> bytes:
    codec = encoding.codec
    wire = whole(publication, codec) if delta is None else changed(publication, delta, codec)
    return unit_of(channel, wire, encoding)


def _batch(units: list[bytes], encoding: Encoding, targets: list[Subscriber | Gone]) -> Batch:
    unit = units[0] if len(units) == 1 else encoding.join(units)
    return Batch(unit, len(units), targets)
