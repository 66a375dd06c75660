"""The hub against a model: whatever form a subscriber gets publications in, it has what its plain twin has.

Twins enter and leave at the same moments. Between that, publications come and get lost, streams begin anew,
fan-outs are cut into slices and glued into batches.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from holdfast.channels import hub as hub_module
from holdfast.channels.hub import Hub
from holdfast.channels.tags_filter import TagsFilter
from holdfast.channels.tailored import Tailoring
from holdfast.protocol.commands import FilterNode
from holdfast.protocol.framing import RAW_JSON, RAW_PROTOBUF, WS_JSON, Encoding
from holdfast.protocol.messages import Publication, Reply, StreamPosition
from holdfast.protocol.protobuf import decode_message, split
from tests.fossil import apply_delta
from tests.unit.channels.test_hub import Reader, Turns

STEPS = 300
FILTERS = [
    FilterNode(key="kind", cmp="eq", val="a"),
    FilterNode(key="kind", cmp="neq", val="a"),
    FilterNode(key="kind", cmp="in", vals=["a", "b"]),
    FilterNode(key="kind", cmp="ex"),
]


def dump(value: object) -> bytes:
    """Return JSON as it is published here."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


class Twin:
    """A subscriber's form, and what it makes of what it gets."""

    def __init__(self, encoding: Encoding, tailoring: Tailoring | None) -> None:
        self.reader = Reader(encoding)
        self.tailoring = tailoring
        self.base = tailoring.base if tailoring is not None else None
        self.deltas = 0
        self._read = 0

    def documents(self) -> list[tuple[int, bytes]]:
        """Return the offsets and the data that came since the last look."""
        units, self._read = self.reader.units[self._read :], len(self.reader.units)
        return [self._decode(pub) for unit in units for pub in self._publications(unit)]

    def _publications(self, unit: bytes) -> Iterator[dict[str, Any]]:
        if not self.reader.encoding.codec.binary:
            yield from (json.loads(line)["push"]["pub"] for line in unit.split(b"\n"))
            return
        for message in split(unit):
            push = decode_message(Reply, message).push
            assert push is not None
            assert push.pub is not None
            yield msgspec.structs.asdict(push.pub)

    def _decode(self, pub: dict[str, Any]) -> tuple[int, bytes]:
        if self.reader.encoding.codec.binary:
            data = bytes(pub["data"])
        elif self.tailoring is not None and self.tailoring.filter is None:
            data = pub["data"].encode()
        else:
            data = dump(pub["data"])
        if pub.get("delta"):
            assert self.base is not None, "a delta without a base"
            data = apply_delta(self.base, data)
            self.deltas += 1
        self.base = data
        return pub.get("offset", 0), data


class Model:
    """One random run of one channel."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.turns = Turns()
        self.hub = Hub(self.turns)
        self.pairs: list[tuple[Twin, Twin]] = []
        self.position = StreamPosition(0, "e0")
        self.document: dict[str, Any] = {"items": ["x" * 40 for _ in range(5)], "é": "€"}
        self.deltas = 0
        self.filtered = random.choice([0.2, 0.5, 0.9])
        self.tags: dict[bytes, dict[str, str]] = {}

    def step(self) -> None:
        """Do one random thing."""
        chance = self.random.random()
        if chance < 0.12:
            self.enter()
        elif chance < 0.2 and self.pairs:
            self.leave(self.random.choice(self.pairs))
        elif chance < 0.7:
            self.publish()
        else:
            self.turns.turn()

    def enter(self) -> None:
        """Let a pair subscribe, perhaps from a position that is still on its way here."""
        after = None
        if self.random.random() < 0.6:
            ahead = self.random.choice([0, 0, 1, 3])
            after = StreamPosition(self.position.offset + ahead, self.position.epoch)
        base = self.random.choice([None, b"", self.data(), b'{"other":"document"}'])
        tailoring = Tailoring(base)
        if self.random.random() < self.filtered:
            tailoring = Tailoring(filter=TagsFilter(self.random.choice(FILTERS)))
        encoding = self.random.choice([RAW_JSON, RAW_PROTOBUF])
        pair = Twin(encoding, tailoring), Twin(encoding, None)
        self.add(pair, after)
        self.pairs.append(pair)

    def add(self, pair: tuple[Twin, Twin], after: StreamPosition | None) -> None:
        """Subscribe both at the same moment."""
        for twin in pair:
            self.hub.add("news", twin.reader, after=after, tailoring=twin.tailoring)

    def leave(self, pair: tuple[Twin, Twin]) -> None:
        """Let a pair unsubscribe, and perhaps come back at once."""
        self.compare(pair, is_over=False)
        for twin in pair:
            self.hub.remove("news", twin.reader)
        if self.random.random() < 0.5:
            pair[0].base, pair[0].tailoring = None, replace(pair[0].tailoring, base=None)
            self.add(pair, None)
        else:
            self.pairs.remove(pair)

    def publish(self) -> None:
        """Publish the document after a change, mostly as the next of the stream."""
        self.change()
        offset, epoch = self.position
        kind = self.random.random()
        if kind < 0.15:
            self.deliver(0, StreamPosition(0, ""))
            return
        if kind < 0.2:
            offset += 2  # some were lost
        elif kind < 0.23:
            offset, epoch = 0, epoch + "x"
        self.position = StreamPosition(offset + 1, epoch)
        self.deliver(offset + 1, self.position)

    def deliver(self, offset: int, position: StreamPosition) -> None:
        """Hand the hub the document."""
        tags = {"kind": self.random.choice("abc")} if self.random.random() < 0.9 else None
        self.tags[self.data()] = tags or {}
        publication = Publication(Raw(self.data()), None, offset, tags)
        self.hub.deliver("news", publication, position, self.random.random() < 0.8)

    def data(self) -> bytes:
        """Return the document's text."""
        return dump(self.document)

    def change(self) -> None:
        """Change the document a little, or all of it."""
        if self.random.random() < 0.1:
            self.document = {"items": [str(self.random.random())], "é": "€"}
            return
        items = self.document["items"]
        items[self.random.randrange(len(items))] = str(self.random.random()) * self.random.choice([1, 3])
        if self.random.random() < 0.2:
            items.append("ü" * 30)

    def compare(self, pair: tuple[Twin, Twin], *, is_over: bool = True) -> None:
        """Insist that both have the same documents, in the same order; in the middle of a fan-out one may be ahead."""
        tailored, plain = (twin.documents() for twin in pair)
        tailoring = pair[0].tailoring
        if tailoring is not None and tailoring.filter is not None:
            plain = [(offset, data) for offset, data in plain if tailoring.filter.matches(self.tags[data])]
        common = max(len(tailored), len(plain)) if is_over else min(len(tailored), len(plain))
        assert tailored[:common] == plain[:common]
        assert not pair[0].reader.failures

    def end(self) -> None:
        """Let everything arrive, compare, and let everybody go."""
        self.turns.run()
        for pair in self.pairs:
            self.compare(pair)
            self.deltas += pair[0].deltas
        for pair in self.pairs:
            for twin in pair:
                self.hub.remove("news", twin.reader)
        self.turns.run()
        assert len(self.hub) == 0


def play(seed: int) -> Model:
    """Play once."""
    model = Model(Random(seed))
    for _ in range(STEPS):
        model.step()
    model.end()
    return model


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut fan-outs and batches small, so that everything happens in the middle of something."""
    monkeypatch.setattr(hub_module, "SLICE", 3)
    monkeypatch.setattr(hub_module, "BATCH_BYTES", 700)


@pytest.mark.parametrize("seed", range(60))
def test_tailored_subscribers_have_what_plain_ones_have(seed: int) -> None:
    """Every document arrives whole and in order, whatever form it travels in."""
    play(seed)


def test_model_uses_deltas() -> None:
    """The runs above are about something: most publications travel as deltas where they may."""
    assert sum(play(seed).deltas for seed in range(5)) > 100


@pytest.mark.proof
@pytest.mark.parametrize("hundred", range(20))
def test_tailored_subscribers_by_the_thousand(hundred: int) -> None:
    """The rare ones as well."""
    for seed in range(100 * hundred + 1000, 100 * hundred + 1100):
        play(seed)


def test_encodings_share_nothing_but_the_delta() -> None:
    """Each encoding gets units of its own, of one codec or of two."""
    twins = [
        Twin(encoding, Tailoring(b'{"a":"' + b"x" * 80 + b'1"}')) for encoding in (RAW_JSON, WS_JSON, RAW_PROTOBUF)
    ]
    turns = Turns()
    hub = Hub(turns)
    for twin in twins:
        hub.add("news", twin.reader, tailoring=twin.tailoring)
    publication = Publication(Raw(b'{"a":"' + b"x" * 80 + b'2"}'))
    hub.deliver("news", publication, StreamPosition(0, ""), use_delta=True)
    turns.run()

    raw, framed, _ = (twin.reader.units[0] for twin in twins)
    assert framed.endswith(raw)
    assert twins[0].documents() == twins[2].documents() == [(0, bytes(publication.data))]
