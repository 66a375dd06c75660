from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec import Raw

from holdfast.channels import hub as hub_module
from holdfast.channels.hub import Hub
from holdfast.channels.local import GAP
from holdfast.channels.tailored import Tailoring
from holdfast.protocol import deltas
from holdfast.protocol.framing import RAW_JSON, WS_JSON, Encoding
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition


class Reader:
    """A subscriber that remembers."""

    def __init__(self, encoding: Encoding = RAW_JSON) -> None:
        self.encoding = encoding
        self.closed = False
        self.flowing = True
        self.units: list[bytes] = []
        self.slow: list[bytes] = []
        self.failures: list[Exception] = []
        self.write: Callable[[bytes], None] = self.units.append
        self.write_slow = self.slow.append
        self.on_write_failed = self.failures.append


class Turns:
    """An event loop's queue that runs when told to."""

    def __init__(self) -> None:
        self.queue: list[Callable[[], object]] = []

    def __call__(self, callback: Callable[[], object]) -> None:
        """Queue a callback for the next turn."""
        self.queue.append(callback)

    def turn(self) -> None:
        """Run what is queued now, not what that queues."""
        queue, self.queue = self.queue, []
        for callback in queue:
            callback()

    def run(self) -> int:
        """Run until nothing is queued; return how many turns it took."""
        count = 0
        while self.queue:
            self.turn()
            count += 1
        return count


@pytest.fixture
def turns() -> Turns:
    """A queue of turns."""
    return Turns()


@pytest.fixture
def hub(turns: Turns) -> Hub:
    """A hub on it."""
    return Hub(turns)


def publish(hub: Hub, channel: str, offset: int, epoch: str = "e", size: int = 0) -> None:
    """Deliver a numbered publication."""
    data = Raw(b'"' + b"x" * size + str(offset).encode() + b'"')
    hub.deliver(channel, Publication(data, None, offset), StreamPosition(offset, epoch))


def offsets(units: list[bytes]) -> list[int]:
    """Return the offsets in what a reader of raw JSON got."""
    lines = [line for unit in units for line in unit.split(b"\n")]
    return [int(line.rsplit(b'"offset":', 1)[1].rstrip(b"}")) for line in lines]


def test_deliver_writes_one_unit_for_all_of_a_turn(hub: Hub, turns: Turns) -> None:
    """What one turn publishes into a channel leaves in one write per subscriber, in order."""
    reader = Reader()
    hub.add("news", reader)
    for offset in (1, 2, 3):
        publish(hub, "news", offset)
    turns.run()

    assert len(reader.units) == 1
    assert offsets(reader.units) == [1, 2, 3]


def test_deliver_shares_one_frame_between_subscribers(hub: Hub, turns: Turns) -> None:
    """All subscribers of an encoding get the very same bytes object."""
    readers = [Reader(WS_JSON) for _ in range(3)]
    for reader in readers:
        hub.add("news", reader)
    publish(hub, "news", 1)
    turns.run()

    assert readers[0].units[0] is readers[1].units[0] is readers[2].units[0]


def test_deliver_encodes_for_each_encoding(hub: Hub, turns: Turns) -> None:
    """Subscribers of different encodings each get their own."""
    framed, raw = Reader(WS_JSON), Reader(RAW_JSON)
    hub.add("news", framed)
    hub.add("news", raw)
    publish(hub, "news", 1)
    turns.run()

    assert framed.units[0][0] == 0x81
    assert framed.units[0].endswith(raw.units[0])


def test_deliver_to_nobody_does_nothing(hub: Hub, turns: Turns) -> None:
    """A channel that nobody follows costs nothing."""
    publish(hub, "news", 1)

    assert turns.queue == []
    assert len(hub) == 0


def test_deliver_cuts_large_channels_into_slices(hub: Hub, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """No turn makes more writes than a slice, and other channels get their part of each round."""
    monkeypatch.setattr(hub_module, "SLICE", 10)
    many = [Reader() for _ in range(35)]
    for reader in many:
        hub.add("large", reader)
    other = Reader()
    hub.add("small", other)
    publish(hub, "large", 1)
    publish(hub, "small", 1)
    turns.turn()

    assert sum(len(reader.units) for reader in many) == 10
    turns.turn()
    assert other.units
    assert turns.run() <= 3
    assert all(offsets(reader.units) == [1] for reader in many)


def test_deliver_keeps_order_across_slices(hub: Hub, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Publications that come in the middle of a fan-out reach everybody after the ones before."""
    monkeypatch.setattr(hub_module, "SLICE", 2)
    readers = [Reader() for _ in range(5)]
    for reader in readers:
        hub.add("news", reader)
    publish(hub, "news", 1)
    turns.turn()
    publish(hub, "news", 2)
    turns.turn()
    publish(hub, "news", 3)
    turns.run()

    assert all(offsets(reader.units) == [1, 2, 3] for reader in readers)


def test_deliver_during_a_long_fan_out_leaves_in_one_write(
    hub: Hub, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is published turn by turn while a fan-out runs is glued into the next one."""
    monkeypatch.setattr(hub_module, "SLICE", 1)
    readers = [Reader() for _ in range(5)]
    for reader in readers:
        hub.add("news", reader)
    for offset in (1, 2, 3):
        publish(hub, "news", offset)
        turns.turn()
    turns.run()

    assert [offsets(unit.splitlines()) for unit in readers[0].units] == [[1], [2, 3]]
    assert all(len(reader.units) == 2 for reader in readers)


def test_add_in_the_middle_gets_only_what_comes_later(hub: Hub, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscriber that comes during a fan-out, or before it began, gets nothing of before its subscription."""
    monkeypatch.setattr(hub_module, "SLICE", 1)
    first, second, late, latest = Reader(), Reader(), Reader(), Reader()
    hub.add("news", first)
    hub.add("news", second)
    publish(hub, "news", 1)
    hub.add("news", late)
    turns.turn()
    hub.add("news", latest)
    publish(hub, "news", 2)
    turns.run()

    assert offsets(second.units) == [1, 2]
    assert offsets(late.units) == [2]
    assert offsets(latest.units) == [2]


def test_remove_in_the_middle_ends_delivery(hub: Hub, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves and comes back during a fan-out does not get what was on its way before."""
    monkeypatch.setattr(hub_module, "SLICE", 1)
    first, second = Reader(), Reader()
    hub.add("news", first)
    hub.add("news", second)
    publish(hub, "news", 1)
    turns.turn()
    hub.remove("news", second)
    hub.add("news", second)
    publish(hub, "news", 2)
    turns.run()

    assert offsets(first.units) == [1, 2]
    assert offsets(second.units) == [2]


def test_remove_of_the_last_forgets_the_channel(hub: Hub, turns: Turns) -> None:
    """A channel that nobody follows any more takes no memory."""
    reader = Reader()
    hub.add("news", reader, watches=True)
    publish(hub, "news", 1)
    turns.run()
    hub.remove("news", reader)
    hub.remove("news", reader)
    hub.remove("other", reader)

    assert len(hub) == 0
    assert hub.count("news") == 0


def test_deliver_writes_slowly_to_who_does_not_flow(hub: Hub, turns: Turns) -> None:
    """A subscriber that reads too slowly is written to with care."""
    reader = Reader()
    reader.flowing = False
    hub.add("news", reader)
    publish(hub, "news", 1)
    turns.run()

    assert reader.units == []
    assert offsets(reader.slow) == [1]


def test_deliver_bounds_what_one_write_carries(hub: Hub, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst is glued only up to a size, so that one write cannot fill a client's queue."""
    monkeypatch.setattr(hub_module, "BATCH_BYTES", 110)
    reader = Reader()
    hub.add("news", reader)
    for offset in range(1, 7):
        publish(hub, "news", offset, size=50)
    turns.run()

    assert len(reader.units) == 3
    assert offsets(reader.units) == [1, 2, 3, 4, 5, 6]


def test_deliver_of_deltas_lets_the_loop_turn(hub: Hub, turns: Turns) -> None:
    """What is compared counts as writes do, so that a burst of deltas in many channels cannot hold up the rest."""
    readers = {f"c{number}": Reader() for number in range(5)}
    base = b'"' + b"x" * hub_module.SLICE * hub_module.COMPARED_BYTES
    for name, reader in readers.items():
        hub.add(name, reader, tailoring=Tailoring(base + b'"'))
        hub.deliver(name, Publication(Raw(base + b'y"')), StreamPosition(0, ""), use_delta=True)
    took = turns.run()

    assert took >= len(readers)
    assert all(b'"delta":true' in unit for reader in readers.values() for unit in reader.units)
    assert all(len(reader.units) == 1 for reader in readers.values())


def test_deliver_compares_in_a_turn_of_its_own(hub: Hub, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large a publication is, its publisher need not wait for the comparison."""
    monkeypatch.setattr(hub_module, "BATCH_BYTES", 100)
    reader = Reader()
    hub.add("news", reader, tailoring=Tailoring(b'"' + b"x" * 200 + b'"'))
    monkeypatch.setattr(deltas, "create", None)
    hub.deliver("news", Publication(Raw(b'"' + b"x" * 201 + b'"')), StreamPosition(0, ""), use_delta=True)
    monkeypatch.undo()
    turns.run()

    assert b'"delta":true' in reader.units[0]


def test_deliver_drops_what_was_seen(hub: Hub, turns: Turns) -> None:
    """A publication at or before the channel's position is not delivered twice."""
    reader = Reader()
    hub.add("news", reader, after=StreamPosition(5, "e"))
    for offset in (4, 5, 6, 6):
        publish(hub, "news", offset)
    turns.run()

    assert offsets(reader.units) == [6]


@pytest.mark.parametrize(("offset", "epoch"), [(7, "e"), (6, "other")])
def test_deliver_reports_a_gap(hub: Hub, turns: Turns, offset: int, epoch: str) -> None:
    """A skipped offset and another epoch are told, once."""
    gaps: list[str] = []
    hub.on_gap = gaps.append
    hub.add("news", Reader(), after=StreamPosition(5, "e"))
    publish(hub, "news", offset, epoch)
    publish(hub, "news", offset + 1, epoch)

    assert gaps == ["news"]
    assert hub.position("news") == StreamPosition(offset + 1, epoch)


def test_position_is_ahead_of_the_fan_out(hub: Hub, turns: Turns) -> None:
    """A publication still being fanned out counts as arrived, so nobody takes it for a loss."""
    hub.add("news", Reader())
    publish(hub, "news", 1)

    assert hub.position("news") == StreamPosition(1, "e")


def test_add_behind_what_is_still_to_come_takes_nothing_from_the_others(hub: Hub, turns: Turns) -> None:
    """A newcomer that knows more than came here does not get it twice, and the others get it all."""
    first, second, plain = Reader(), Reader(), Reader(WS_JSON)
    hub.add("news", first, after=StreamPosition(5, "e"))
    hub.add("news", second, after=StreamPosition(7, "e"))
    hub.add("news", plain)
    assert (hub.count("news"), len(hub.subscribers("news")), list(hub.channels())) == (3, 3, ["news"])
    for offset in (6, 7, 8, 9):
        publish(hub, "news", offset)
    turns.run()

    assert offsets(first.units) == [6, 7, 8, 9]
    assert offsets(second.units) == [8, 9]


def test_add_behind_an_unknown_position_of_others(hub: Hub, turns: Turns) -> None:
    """Where others follow without a position, what is on its way to them is not dropped for a newcomer's sake."""
    plain, positioned = Reader(), Reader()
    hub.add("news", plain)
    hub.add("news", positioned, after=StreamPosition(7, "e"))
    hub.mark_checked("news", 1.0)
    assert (hub.position("news"), hub.covered("news")) == (None, StreamPosition(7, "e"))
    for offset in (6, 7, 0, 8):
        publish(hub, "news", offset)
    turns.run()

    assert [unit.count(b"offset") for unit in plain.units] == [1, 1, 0, 1]
    assert [unit.count(b"offset") for unit in positioned.units] == [0, 1]
    assert hub.covered("news") == StreamPosition(8, "e")


def test_deliver_reports_what_a_newcomer_missed(hub: Hub) -> None:
    """A newcomer that waits for the next publication and sees a later one has missed something."""
    gaps: list[str] = []
    hub.on_gap = gaps.append
    hub.add("news", Reader())
    hub.add("news", Reader(), after=StreamPosition(7, "e"))
    publish(hub, "news", 9)

    assert gaps == ["news"]


def test_remove_of_who_waits_for_the_next_publication(hub: Hub, turns: Turns) -> None:
    """Who leaves before its time came leaves nothing."""
    plain, positioned = Reader(), Reader()
    hub.add("news", plain)
    hub.add("news", positioned, after=StreamPosition(7, "e"))
    hub.remove("news", positioned)
    hub.remove("news", plain)

    assert len(hub) == 0


def test_add_on_a_new_epoch_reports_a_gap(hub: Hub, turns: Turns) -> None:
    """A stream that began anew is noticed by the first that reads its position; who follows the old one is told."""
    gaps: list[str] = []
    old, new = Reader(), Reader()

    def on_gap(name: str) -> None:
        gaps.append(name)
        hub.remove(name, old)

    hub.on_gap = on_gap
    hub.add("news", old, after=StreamPosition(5, "old"))
    hub.add("news", new, after=StreamPosition(2, "new"))
    publish(hub, "news", 3, "new")
    turns.run()

    assert gaps == ["news"]
    assert (offsets(old.units), offsets(new.units)) == ([], [3])


def test_add_on_a_new_epoch_spoils_what_was_collected_of_the_old_one(hub: Hub) -> None:
    """Who is just subscribing must not take publications of the old stream for the first of the new one."""
    hub.add("news", Reader(), after=StreamPosition(0, "old"))
    collecting = hub.begin("news")
    publish(hub, "news", 1, "old")
    empty = hub.begin("news")
    hub.add("news", Reader(), after=StreamPosition(0, "new"))

    assert [one.offset for one in collecting] == [1, GAP.offset]
    assert empty == []


def test_remove_and_add_before_the_fan_out_keeps_the_newcomer(hub: Hub, turns: Turns) -> None:
    """A channel that was dropped with its publications still queued does not take its successor along."""
    reader = Reader()
    hub.add("news", reader)
    publish(hub, "news", 1)
    hub.remove("news", reader)
    hub.add("news", reader)
    turns.run()
    publish(hub, "news", 2)
    turns.run()

    assert offsets(reader.units) == [2]


def test_write_that_raises_ends_one_subscriber_only(hub: Hub, turns: Turns) -> None:
    """A subscriber whose write fails is told so; the others, the channel and the hub go on."""
    readers = [Reader() for _ in range(4)]

    def fails(unit: bytes) -> None:
        raise RuntimeError("the handle is closed")

    for reader in readers:
        hub.add("news", reader)
    readers[1].write = fails
    publish(hub, "news", 1)
    turns.run()
    publish(hub, "news", 2)
    turns.run()

    assert [offsets(reader.units) for reader in readers if reader is not readers[1]] == [[1, 2]] * 3
    assert len(readers[1].failures) == 2


def test_unchecked_names_positioned_channels_by_age(hub: Hub) -> None:
    """Only channels whose position somebody relies on are due for a check, the recently checked ones not."""
    for name in ("old", "new", "unpositioned"):
        hub.add(name, Reader())
    hub.mark_checked("old", 1.0)
    hub.mark_checked("new", 5.0)
    hub.mark_checked("nowhere", 1.0)

    assert hub.unchecked(3.0) == ["old"]
    hub.mark_checked("old", 6.0)
    assert hub.unchecked(3.0) == []
    assert hub.covered("unpositioned") is None


def test_begin_tells_a_gap(hub: Hub) -> None:
    """Who is just subscribing must know that something was skipped meanwhile."""
    hub.add("news", Reader(), after=StreamPosition(5, "e"))
    buffer = hub.begin("news")
    publish(hub, "news", 7)

    assert buffer[0] is GAP
    assert buffer[1].offset == 7


def test_spoil_tells_a_gap_to_those_who_are_just_beginning(hub: Hub) -> None:
    """Others, and channels that nobody follows, have nothing to be told."""
    buffer = hub.begin("news")
    hub.spoil("news")
    hub.end("news", buffer)
    hub.spoil("news")

    assert buffer == [GAP]


def test_begin_forgets_a_position_of_former_times(hub: Hub, turns: Turns) -> None:
    """What is still being fanned out when the last one leaves says nothing about a later time."""
    leaving = Reader()
    hub.add("news", leaving, after=StreamPosition(5, "e"))
    publish(hub, "news", 6)
    leaving.closed = True
    hub.remove("news", leaving)
    buffer = hub.begin("news")
    publish(hub, "news", 9)

    assert [one.offset for one in buffer] == [9]


def test_begin_collects_until_end(hub: Hub, turns: Turns) -> None:
    """Publications that come while a subscription is being made are kept for it."""
    buffer = hub.begin("news")
    publish(hub, "news", 1)
    hub.end("news", buffer)
    publish(hub, "news", 2)
    hub.end("news", buffer)

    assert [one.offset for one in buffer] == [1]
    assert len(hub) == 0


def test_joins_reach_watchers_only_and_in_order(hub: Hub, turns: Turns) -> None:
    """Joins and leaves go to those who asked, between the publications they came between."""
    watcher, other = Reader(), Reader()
    hub.add("news", watcher, watches=True)
    hub.add("news", other)
    publish(hub, "news", 1)
    hub.deliver_join("news", ClientInfo("anna", "c1"))
    publish(hub, "news", 2)
    hub.deliver_leave("news", ClientInfo("anna", "c1"))
    turns.run()

    kinds = [key for unit in watcher.units for key in (b"pub", b"join", b"leave") if b'"' + key + b'":' in unit]
    assert kinds == [b"pub", b"join", b"pub", b"leave"]
    assert offsets(other.units) == [1, 2]


def test_deliver_join_without_watchers_does_nothing(hub: Hub, turns: Turns) -> None:
    """Nobody asked, nothing is queued."""
    hub.add("news", Reader())
    hub.deliver_join("news", ClientInfo("anna", "c1"))
    hub.deliver_leave("none", ClientInfo("anna", "c1"))

    assert turns.queue == []


def test_stats_count_deliveries(hub: Hub, turns: Turns) -> None:
    """Each publication counts once for each subscriber, also where one write carries several."""
    for _ in range(3):
        hub.add("news", Reader())
    publish(hub, "news", 1)
    publish(hub, "news", 2)
    turns.run()

    assert (hub.stats.publications, hub.stats.deliveries) == (2, 6)
    assert sorted(hub.channels()) == ["news"]
    assert len(hub.subscribers("news")) == 3
    assert hub.subscribers("none") == []
