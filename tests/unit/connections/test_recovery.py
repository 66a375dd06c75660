from __future__ import annotations

import pytest

from holdfast.channels.local import GAP
from holdfast.connections.recovery import Pending, settle
from holdfast.connections.subscription import STREAM, Grant
from holdfast.errors import ChannelError
from holdfast.protocol.messages import Publication, StreamPosition, SubscribeRequest

TOP = StreamPosition(5, "e")


def made(*buffer: int | Publication, flags: int = STREAM, recovered: bool = False) -> Pending:
    """Return a subscription that read history up to 5, and then collected publications by their offsets."""
    publications = [Publication(offset=one) if isinstance(one, int) else one for one in buffer]
    missed = [Publication(offset=5)] if recovered else None
    return Pending("a", SubscribeRequest(), Grant(), flags, publications, TOP, missed)


def offsets(publications: list[Publication] | None) -> list[int]:
    """Return the publications' offsets."""
    return [one.offset for one in publications or []]


def test_settle_puts_what_came_behind_the_reply() -> None:
    """Without recovery everything later follows the reply, each once, in order."""
    pending = made(4, 5, 6, 0, 7)

    assert settle(pending, StreamPosition(7, "e")) == StreamPosition(7, "e")
    assert offsets(pending.rest) == [6, 0, 7]


def test_settle_puts_what_came_into_the_recovery() -> None:
    """A recovery includes what was published while it was read; what has no place in the stream follows."""
    pending = made(5, 6, 0, 7, recovered=True)

    assert settle(pending, StreamPosition(7, "e")) == StreamPosition(7, "e")
    assert (offsets(pending.missed), offsets(pending.rest)) == ([5, 6, 7], [0])


@pytest.mark.parametrize("known", [None, StreamPosition(3, "e"), StreamPosition(9, "old")])
def test_settle_trusts_history_where_nothing_came(known: StreamPosition | None) -> None:
    """Deliveries may be behind history; and a stream that began anew is the hub's affair."""
    assert settle(made(), known) == TOP


@pytest.mark.parametrize(
    ("pending", "known"),
    [
        (made(7), StreamPosition(7, "e")),
        (made(GAP, 6), StreamPosition(6, "e")),
        (made(6, 8), StreamPosition(8, "e")),
        (made(1), StreamPosition(1, "new")),
        (made(), StreamPosition(6, "e")),
        (made(7, recovered=True), StreamPosition(7, "e")),
    ],
)
def test_settle_refuses_what_does_not_fit(pending: Pending, known: StreamPosition) -> None:
    """A hole, another epoch, or deliveries ahead of history: better once more than a gap."""
    with pytest.raises(ChannelError) as caught:
        settle(pending, known)

    assert caught.value.code.number == 113
    assert caught.value.code.temporary


def test_settle_without_a_position_passes_all_on() -> None:
    """Who did not ask for a position gets what came, gap or not."""
    pending = made(4, GAP, 7, flags=0)

    assert settle(pending, None) is None
    assert offsets(pending.rest) == [4, 7]
