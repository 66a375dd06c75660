from __future__ import annotations

from typing import Any

import pytest

from holdfast.broker.base import HistoryFilter
from holdfast.broker.redis_history import HistoryReader
from holdfast.broker.redis_keys import Keys
from holdfast.broker.redis_link import Script
from holdfast.broker.redis_records import encode_publication
from holdfast.broker.redis_scripts import HISTORY, RECONCILE, REMOVE
from holdfast.broker.redis_seen import Seen, SeenPositions
from holdfast.errors import BrokerError, ChannelError
from holdfast.protocol.messages import StreamPosition
from tests.brokers import offsets, publication, texts


class Link:
    """Answers each script the same."""

    def __init__(self, reply: Any) -> None:
        self.keys = Keys("p")
        self.publish_command = "PUBLISH"
        self.reply = reply
        self.ran: list[tuple[Script, list[bytes], Any]] = []

    async def run_script(self, script: Script, keys: list[bytes], args: Any = (), *, lane: str = "") -> Any:
        """Answer."""
        self.ran.append((script, keys, args))
        return self.reply


def entry(offset: int, text: str) -> list[Any]:
    """Return a stream's entry."""
    return [b"%d-0" % offset, [b"d", encode_publication(publication(text))]]


async def test_history_has_publications_and_top():
    """The question goes along as arguments, and what was seen; the answer is seen too."""
    link, seen = Link([b"e", b"8", b"run", b"", b"4", [entry(7, "a"), entry(8, "b")]]), SeenPositions()
    seen.note("news", Seen("e", 5, b"run"))
    query = HistoryFilter(2, StreamPosition(6, "e"))

    found = await HistoryReader(link, seen, 3600).read("news", query, 0)

    assert (offsets(found.publications), texts(found.publications)) == ([7, 8], ["a", "b"])
    assert found.position == StreamPosition(8, "e")
    ((script, keys, args),) = link.ran
    assert (script, keys) == (HISTORY, [b"p:{news}:s", b"p:{news}:m"])
    assert args[3:] == [3600000, "e", 5, b"run", 2, 0, 6, "e"]
    assert seen.get("news").offset == 8


@pytest.mark.parametrize(
    ("fault", "text"), [(b"epoch", "the question is about 'x'"), (b"offset", "expected an offset from 3 to 8, got 99")]
)
async def test_position_that_is_gone_is_refused(fault: bytes, text: str):
    """With what was expected."""
    link = Link([b"e", b"8", b"run", fault, b"4", []])

    with pytest.raises(ChannelError, match="unrecoverable_position") as refused:
        await HistoryReader(link, SeenPositions(), 1).read("news", HistoryFilter(-1, StreamPosition(99, "x")), 0)
    assert text in refused.value.detail


async def test_entry_of_others_is_told_apart():
    """Whoever writes into our streams breaks nothing but the answer."""
    link = Link([b"e", b"8", b"run", b"", b"4", [[b"7-0", [b"d", b"nonsense"]]]])

    with pytest.raises(BrokerError, match="broker_foreign_key"):
        await HistoryReader(link, SeenPositions(), 1).read("news", HistoryFilter(-1), 0)


async def test_history_is_removed_by_one_script():
    """The position stays."""
    link = Link(1)
    await HistoryReader(link, SeenPositions(), 1).remove("news")

    assert link.ran[0][:2] == (REMOVE, [b"p:{news}:s"])


@pytest.mark.parametrize(("epoch", "is_changed"), [(b"e", False), (b"new", True), (b"", False)])
async def test_reconcile_tells_of_a_new_epoch(epoch: bytes, is_changed: bool):
    """A stream that is gone altogether will have one when somebody needs it."""
    link, seen = Link([epoch, b"0", b"run"]), SeenPositions()
    seen.note("news", Seen("e", 5, b"old"))

    assert await HistoryReader(link, seen, 1).reconcile("news") is is_changed
    assert link.ran[0][0] is RECONCILE
    assert seen.get("news").epoch == (epoch.decode() or "e")
