from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from msgspec import Raw

from holdfast.channels.hub import Hub
from holdfast.channels.subscriber import Batch
from holdfast.channels.tags_filter import TagsFilter
from holdfast.channels.tailored import Tailored, Tailoring
from holdfast.protocol.commands import FilterNode
from holdfast.protocol.framing import RAW_JSON, WS_JSON
from holdfast.protocol.messages import Publication, StreamPosition
from tests.fossil import apply_delta
from tests.unit.channels.test_hub import Reader, Turns

WHOLE: list[bytes] = [b'{"text":"' + b"x" * 60 + b'%d"}' % number for number in range(5)]


def publication(number: int, offset: int = 0) -> Publication:
    """Return a long publication that differs a little from the others."""
    return Publication(Raw(WHOLE[number]), None, offset)


def bodies(batch: Batch) -> list[dict[str, Any]]:
    """Return the publications in a batch of raw JSON."""
    return [json.loads(line)["push"]["pub"] for line in batch.unit.split(b"\n")]


@pytest.fixture
def tailored() -> Tailored:
    """Nobody yet; every open publication wants deltas."""
    made = Tailored()
    made.wanted = {0, 1, 2}
    return made


def test_seal_gives_the_fresh_a_whole_one_first(tailored: Tailored) -> None:
    """Who has no base gets one, and deltas from there."""
    reader = Reader()
    tailored.enter(reader, Tailoring())
    (batch,) = tailored.seal("news", [publication(0), publication(1)], {})
    first, second = bodies(batch)

    assert batch.targets == [reader]
    assert first["data"].encode() == WHOLE[0]
    assert "delta" not in first
    assert apply_delta(WHOLE[0], second["data"].encode()) == WHOLE[1]


def test_seal_gives_all_others_deltas_from_what_they_have(tailored: Tailored) -> None:
    """The based and the fresh are served at once, each from what it has."""
    old, new = Reader(), Reader()
    tailored.enter(old, Tailoring())
    list(tailored.seal("news", [publication(0)], {}))
    tailored.enter(new, Tailoring())
    tailored.wanted = {0}
    to_old, to_new = tailored.seal("news", [publication(1)], {})

    assert (to_old.targets, to_new.targets) == ([old], [new])
    assert apply_delta(WHOLE[0], bodies(to_old)[0]["data"].encode()) == WHOLE[1]
    assert bodies(to_new)[0]["data"].encode() == WHOLE[1]


def test_seal_makes_one_group_of_them(tailored: Tailored) -> None:
    """After the same publication all have the same base and share one unit again."""
    readers = [Reader(), Reader()]
    for number, reader in enumerate(readers):
        tailored.enter(reader, Tailoring())
        list(tailored.seal("news", [publication(number)], {}))
    (batch,) = tailored.seal("news", [publication(2)], {})

    assert batch.targets == readers


def test_seal_without_wish_is_whole(tailored: Tailored) -> None:
    """Where the publisher wants no delta there is none, and the data is the base of the next one."""
    tailored.enter(Reader(), Tailoring())
    tailored.wanted = {1}
    (batch,) = tailored.seal("news", [publication(0), publication(1)], {})
    tailored.wanted = set()
    (plain,) = tailored.seal("news", [publication(2)], {})
    tailored.wanted = {0}
    (last,) = tailored.seal("news", [publication(3)], {})

    assert [one.get("delta", False) for one in bodies(batch)] == [False, True]
    assert bodies(plain)[0]["data"].encode() == WHOLE[2]
    assert apply_delta(WHOLE[2], bodies(last)[0]["data"].encode()) == WHOLE[3]


def test_seal_forgets_wishes_of_publications_nobody_got(tailored: Tailored) -> None:
    """With nobody but late ones there is nothing to send, and the next publications have wishes of their own."""
    tailored.waiting[Reader()] = Tailoring()

    assert list(tailored.seal("news", [publication(0)], {})) == []
    assert tailored.wanted == set()


def test_enter_with_the_same_base_joins_the_others(tailored: Tailored) -> None:
    """Who recovered up to the present needs no whole publication."""
    first, second, other = Reader(), Reader(), Reader()
    tailored.enter(first, Tailoring(WHOLE[0]))
    tailored.enter(second, Tailoring(WHOLE[0]))
    tailored.enter(other, Tailoring(WHOLE[3]))
    based, fresh = tailored.seal("news", [publication(1)], {})

    assert (based.targets, fresh.targets) == ([first, second], [other])
    assert bodies(based)[0]["delta"]
    assert "delta" not in bodies(fresh)[0]


def test_leave_from_anywhere(tailored: Tailored) -> None:
    """After all have left, based, fresh or waiting, there is nothing."""
    readers = [Reader(), Reader(WS_JSON), Reader()]
    tailored.enter(readers[0], Tailoring(WHOLE[0]))
    tailored.enter(readers[1], Tailoring())
    tailored.waiting[readers[2]] = Tailoring()
    assert list(tailored.members()) == readers[:2]
    tailored.leave(Reader())
    assert tailored
    for reader in readers:
        tailored.leave(reader)

    assert not tailored


def test_address_reaches_those_who_wait(tailored: Tailored) -> None:
    """A publication outside of the stream comes whole to all, and all build on it."""
    based, fresh, late, framed = Reader(), Reader(), Reader(), Reader(WS_JSON)
    tailored.enter(based, Tailoring(WHOLE[0]))
    tailored.enter(fresh, Tailoring())
    tailored.waiting = {late: Tailoring(), framed: Tailoring()}
    batches = {tuple(batch.targets): batch for batch in tailored.address("news", publication(1))}

    assert set(batches) == {(based, fresh, late), (framed,)}
    assert bodies(batches[based, fresh, late])[0]["data"].encode() == WHOLE[1]
    assert tailored.waiting == {late: Tailoring(WHOLE[1]), framed: Tailoring(WHOLE[1])}
    tailored.enter(late, tailored.waiting.pop(late))
    assert list(tailored.based) == [RAW_JSON]
    assert list(tailored.based[RAW_JSON]) == [based, fresh, late]


def test_frames_with_deltas_are_a_tenth() -> None:
    """A document of 2 kB in which 50 bytes change takes a tenth of the bytes, headers and envelope included."""
    items = [{"id": number, "name": f"item {number * 7919}", "price": number * 1.25} for number in range(36)]
    random = Random(1)
    turns = Turns()
    hub, plain, changing = Hub(turns), Reader(WS_JSON), Reader(WS_JSON)
    hub.add("scores:today", plain)
    hub.add("scores:today", changing, tailoring=Tailoring())
    for offset in range(1, 21):
        items[offset]["name"] = random.randbytes(25).hex()
        data = json.dumps({"items": items}).encode()
        hub.deliver("scores:today", Publication(Raw(data), None, offset), StreamPosition(offset, "e"), True)
        turns.run()

    assert len(plain.units) == len(changing.units) == 20
    assert 1500 < len(plain.units[0]) < len(plain.units[-1]) < 3000
    assert sum(map(len, changing.units[1:])) * 10 <= sum(map(len, plain.units[1:]))


def tagged(number: int, kind: str) -> Publication:
    """Return a publication with a tag."""
    return Publication(Raw(WHOLE[number]), None, 0, {"kind": kind})


def wanting(*kinds: str) -> Tailoring:
    """Return a wish for publications of some kinds."""
    return Tailoring(filter=TagsFilter(FilterNode(key="kind", cmp="in", vals=list(kinds))))


def test_seal_gives_the_filtered_what_matches(tailored: Tailored) -> None:
    """Each filter's subscribers get what passes it, as it is; who gets nothing is not written to."""
    some, all_of_it, nothing = Reader(), Reader(), Reader()
    tailored.enter(some, wanting("a"))
    tailored.enter(all_of_it, wanting("a", "b"))
    tailored.enter(nothing, wanting("c"))
    batches = {tuple(one.targets): one for one in tailored.seal("news", [tagged(0, "a"), tagged(1, "b")], {})}

    assert set(batches) == {(some,), (all_of_it,)}
    assert bodies(batches[(some,)]) == [{"data": json.loads(WHOLE[0]), "tags": {"kind": "a"}}]
    assert len(bodies(batches[(all_of_it,)])) == batches[(all_of_it,)].count == 2


def test_seal_shares_units_between_filters(tailored: Tailored) -> None:
    """Who gets the same gets the same bytes object, with different filters, and with none at all."""
    readers = [Reader(), Reader(), Reader(WS_JSON)]
    for reader, kinds in zip(readers, ["a", "ab", "a"], strict=True):
        tailored.enter(reader, wanting(*kinds))
    known = {RAW_JSON: [b"as it is"]}
    raw, framed = tailored.seal("news", [tagged(0, "a")], known)

    assert (raw.targets, framed.targets) == (readers[:2], readers[2:])
    assert raw.unit is known[RAW_JSON][0]
    assert framed.unit is known[WS_JSON][0]


def test_filters_are_judged_once(tailored: Tailored) -> None:
    """Equal filters of many subscribers are one, and gone with the last of them."""
    readers = [Reader() for _ in range(3)]
    for reader in readers:
        tailored.enter(reader, wanting("a"))
    assert len(tailored.filters) == 1
    assert list(tailored.members()) == readers
    for reader in readers:
        assert tailored
        tailored.leave(reader)

    assert not tailored
    assert not tailored.filters


def test_address_asks_the_filters(tailored: Tailored) -> None:
    """A publication outside of the stream passes filters too, also those of subscribers that wait."""
    here, elsewhere, late = Reader(), Reader(), Reader()
    tailored.enter(here, wanting("a"))
    tailored.enter(elsewhere, wanting("b"))
    tailored.waiting[late] = wanting("a")
    (batch,) = tailored.address("news", tagged(0, "a"))

    assert batch.targets == [here, late]
    assert bodies(batch)[0]["data"] == json.loads(WHOLE[0])
