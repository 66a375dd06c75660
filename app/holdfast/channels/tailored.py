"""Subscribers of one channel who do not get its publications as they are: those who negotiated deltas.

They are few or none, so a channel has this part only while there are any, and the others pay nothing for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from holdfast.channels.subscriber import Batch, Gone, Subscriber
from holdfast.protocol.deltas import Delta, changed, whole
from holdfast.protocol.framing import Encoding
from holdfast.protocol.messages import Publication, Push

Group = dict[Encoding, dict[Subscriber, None]]


@dataclass(frozen=True, slots=True)
class Tailoring:
    """What one subscriber asked for; `base` is the data it got last, None where it got none yet."""

    base: bytes | None = None


class Tailored:
    """The channel's subscribers with deltas.

    A subscriber's deltas are made against what it got last. All that are `based` got the same, `base`; those that are
    `fresh` got nothing yet, or something else, and get the next publication whole.
    """

    __slots__ = ("base", "based", "fresh", "waiting", "wanted")

    def __init__(self) -> None:
        self.base = b""
        self.based: Group = {}
        self.fresh: Group = {}
        self.waiting: dict[Subscriber, Tailoring] = {}  # of the channel's late subscribers
        self.wanted: set[int] = set()  # the places of open publications for which deltas are wanted

    def __bool__(self) -> bool:
        """Tell whether there are any."""
        return bool(self.based or self.fresh or self.waiting)

    def members(self) -> Iterator[Subscriber]:
        """Iterate over the subscribers, except those that wait."""
        for group in (*self.based.values(), *self.fresh.values()):
            yield from group

    def enter(self, subscriber: Subscriber, tailoring: Tailoring) -> None:
        """Take a subscriber in; what came before is sealed."""
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

    def seal(self, channel: str, publications: list[Publication]) -> Iterator[Batch]:
        """Yield the batches that carry the open publications; everybody is based on the last of them then."""
        wanted, self.wanted = self.wanted, set()
        if not self.based and not self.fresh:
            return
        deltas: list[Delta | None] = []
        for place, publication in enumerate(publications):
            data = bytes(publication.data)
            has_base = place > 0 or bool(self.based)
            deltas.append(Delta(self.base, data) if place in wanted and has_base else None)
            self.base = data
        for encoding in self._encodings():
            pairs = zip(publications, deltas, strict=True)
            units = [_unit(channel, publication, delta, encoding) for publication, delta in pairs]
            if based := self.based.get(encoding):
                yield _batch(units, encoding, list(based))
            if fresh := self.fresh.get(encoding):
                units[0] = _unit(channel, publications[0], None, encoding)
                yield _batch(units, encoding, list(fresh))
        self._settle()

    def address(self, channel: str, publication: Publication) -> Iterator[Batch]:
        """Yield the batches that carry one publication to all, also to those that wait; they are based on it then."""
        base = bytes(publication.data)
        waiting: Group = {}
        for subscriber, tailoring in self.waiting.items():
            waiting.setdefault(subscriber.encoding, {})[subscriber] = None
            self.waiting[subscriber] = replace(tailoring, base=base)
        for encoding in {**waiting, **self.based, **self.fresh}:
            targets: list[Subscriber | Gone] = [
                one for group in (self.based, self.fresh, waiting) for one in group.get(encoding, ())
            ]
            yield _batch([_unit(channel, publication, None, encoding)], encoding, targets)
        self.base = base
        self._settle()

    # Private methods

    def _encodings(self) -> list[Encoding]:
        return list({**self.based, **self.fresh})

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


def _unit(channel: str, publication: Publication, delta: Delta | None, encoding: Encoding) -> bytes:
    codec = encoding.codec
    wire = whole(publication, codec) if delta is None else changed(publication, delta, codec)
    return encoding.wrap(codec.encode_push(Push(channel=channel, pub=wire)))


def _batch(units: list[bytes], encoding: Encoding, targets: list[Subscriber | Gone]) -> Batch:
    unit = units[0] if len(units) == 1 else encoding.join(units)
    return Batch(unit, len(units), targets)
