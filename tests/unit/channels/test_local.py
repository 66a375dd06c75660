from __future__ import annotations

import pytest
from msgspec import Raw

from holdfast.channels.local import LocalChannel
from holdfast.channels.subscriber import Gone
from holdfast.channels.tags_filter import TagsFilter
from holdfast.channels.tailored import Tailoring
from holdfast.protocol.commands import FilterNode
from holdfast.protocol.compression import Compression
from holdfast.protocol.framing import WS_JSON
from holdfast.protocol.messages import ClientInfo, MemberPush, Publication, Push, StreamPosition
from tests.unit.channels.test_hub import Reader

FIVE = StreamPosition(5, "e")


@pytest.fixture
def channel() -> LocalChannel:
    """A channel that nobody follows yet."""
    return LocalChannel("news")


def test_enter_takes_the_position_of_the_first(channel: LocalChannel) -> None:
    """With nobody else there, the stream is taken up where the first subscriber starts."""
    channel.enter(Reader(), FIVE)

    assert (channel.position, channel.covered, channel.epoch) == (FIVE, FIVE, "e")
    assert channel.late is None


def test_enter_ahead_of_others_waits(channel: LocalChannel) -> None:
    """Who knows more than came here waits until it has come, and counts as a subscriber meanwhile."""
    first, ahead = Reader(), Reader()
    channel.enter(first, FIVE)
    channel.enter(ahead, StreamPosition(6, "e"))
    assert channel.position == FIVE
    assert (channel.count(), list(channel.members())) == (2, [first, ahead])

    assert channel.let_in(StreamPosition(6, "e")) is False
    assert channel.late is not None
    assert channel.let_in(StreamPosition(7, "e")) is False
    assert channel.late is None
    assert channel.count() == 2


@pytest.mark.parametrize("position", [StreamPosition(8, "e"), StreamPosition(1, "other")])
def test_let_in_tells_what_was_missed(channel: LocalChannel, position: StreamPosition) -> None:
    """A later publication than the next, or one of another epoch, shows a gap."""
    channel.enter(Reader(), None)
    channel.enter(Reader(), StreamPosition(6, "e"))

    assert channel.let_in(position) is True


def test_enter_beside_one_in_the_making_waits(channel: LocalChannel) -> None:
    """A subscription in the making still needs what is on its way."""
    channel.waiting = [[]]
    channel.enter(Reader(), FIVE)

    assert channel.position is None
    assert channel.covered == FIVE


def test_leave_makes_it_unused(channel: LocalChannel) -> None:
    """After the last one left, from wherever it was, nothing keeps the channel."""
    plain, late = Reader(), Reader()
    channel.enter(plain, None)
    channel.enter(late, FIVE)
    channel.watchers = {plain}
    channel.leave(late)
    assert channel.is_used
    channel.leave(plain)
    channel.leave(plain)

    assert not channel.is_used
    assert channel.watchers == set()


def test_seal_addresses_those_who_are_there(channel: LocalChannel) -> None:
    """The batch is for today's subscribers, and passes by who leaves before its turn."""
    staying, leaving = Reader(), Reader()
    channel.enter(staying, None)
    channel.enter(leaving, None)
    channel.open.append(Publication(offset=1))
    channel.seal()
    channel.seal()
    channel.leave(leaving)

    (batch,) = channel.batches
    assert batch.targets[0] is staying
    gone = batch.targets[1]
    assert isinstance(gone, Gone)
    gone.write_slow(b"")
    gone.on_write_failed(ZeroDivisionError())


def test_address_reaches_only_some(channel: LocalChannel) -> None:
    """A push for some subscribers is put behind what is open."""
    watcher, other = Reader(), Reader()
    for reader in (watcher, other):
        channel.enter(reader, None)
    channel.open.append(Publication(offset=1))
    channel.address(Push(channel="news", join=MemberPush(ClientInfo("u", "c"))), iter([watcher]))

    assert [batch.targets for batch in channel.batches] == [[watcher, other], [watcher]]


def test_enter_tailored_counts_and_leaves(channel: LocalChannel) -> None:
    """Subscribers with a form of their own are subscribers like all others, and gone when they leave."""
    plain, tailored = Reader(), Reader()
    channel.enter(plain, None)
    channel.enter(tailored, None, Tailoring())
    assert (channel.count(), list(channel.members())) == (2, [plain, tailored])
    channel.leave(plain)
    assert channel.is_followed

    channel.leave(tailored)
    assert channel.tailored is None
    assert not channel.is_used


def test_let_in_keeps_the_form(channel: LocalChannel) -> None:
    """Who waits for the stream comes in as it asked, beside others who wait."""
    plain, tailored = Reader(), Reader()
    channel.enter(Reader(), FIVE)
    channel.enter(plain, StreamPosition(6, "e"))
    channel.enter(tailored, StreamPosition(6, "e"), Tailoring(b"base"))
    assert channel.count() == 3
    channel.let_in(StreamPosition(7, "e"))

    assert channel.tailored is not None
    assert list(channel.tailored.members()) == [tailored]
    assert plain in next(iter(channel.groups.values()))


def test_leave_while_waiting_forgets_the_form(channel: LocalChannel) -> None:
    """Nothing stays behind of who left before the stream came."""
    waiting = Reader()
    channel.enter(Reader(), FIVE)
    channel.enter(waiting, StreamPosition(6, "e"), Tailoring())
    channel.leave(waiting)

    assert channel.tailored is None
    assert channel.late is None


def test_address_all_reaches_everybody_once(channel: LocalChannel) -> None:
    """A publication outside of the stream goes to those who are in and those who wait, in the form of each."""
    plain, late, tailored, late_tailored = (Reader() for _ in range(4))
    channel.enter(plain, FIVE)
    channel.enter(late, StreamPosition(6, "e"))
    channel.enter(tailored, None, Tailoring())
    channel.enter(late_tailored, StreamPosition(6, "e"), Tailoring())
    channel.address_all(Publication(Raw(b"1")))

    assert [(batch.targets, b'"data":"1"' in batch.unit) for batch in channel.batches] == [
        ([plain, late], False),
        ([tailored, late_tailored], True),
    ]


def test_seal_encodes_once_for_plain_and_filtered(channel: LocalChannel) -> None:
    """Who gets all of it and who gets what passes a filter share the bytes."""
    channel.enter(Reader(), None)
    channel.enter(Reader(), None, Tailoring(filter=TagsFilter(FilterNode(key="a", cmp="nex"))))
    channel.open = [Publication(Raw(b"1"))]
    channel.seal()
    first, second = channel.batches

    assert first.unit is second.unit


def test_compressed_unit_is_built_once_for_all_who_agreed_on_it(channel: LocalChannel) -> None:
    """Subscribers with and without compression share a unit each, and compressing happens once."""
    compression = Compression(0, 1)
    packed, plain = compression.encoding(WS_JSON, 12), WS_JSON
    readers = [Reader(encoding) for encoding in (packed, plain, packed, plain, packed)]
    for reader in readers:
        channel.enter(reader, None)
    publication = Publication(Raw(b'"' + b"x" * 500 + b'"'))
    channel.open = [publication]

    channel.seal()

    payload = packed.codec.encode_push(Push(channel="news", pub=publication))
    assert compression.bytes_before == len(payload)
    assert {len(batch.targets): batch.unit for batch in channel.batches} == {
        3: packed.wrap(payload),
        2: plain.wrap(payload),
    }
