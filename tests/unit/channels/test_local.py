from __future__ import annotations

import pytest

from holdfast.channels.local import Gone, LocalChannel
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
