"""Reading keys: pages of streams that go together, times that go on by the wall clock, and foreign keys left out."""

from __future__ import annotations

from typing import Any

import pytest

from holdfast.broker.records import KeptInfo, KeptPublication, KeptResult, KeptSession, KeptStream
from holdfast.broker.redis_keys import KeyName
from holdfast.broker.redis_presence import pack
from holdfast.broker.redis_records import encode_publication
from holdfast.broker.state_read import PAGE, StateReader
from holdfast.broker.state_records import KeptCounter, KeptPresence, KeptRow, WholeStream
from holdfast.errors import BrokerError
from holdfast.protocol.messages import ClientInfo
from tests.brokers import publication
from tests.redis_links import ScriptedLink

RECORD = encode_publication(publication("x"))
META = KeyName("meta", "a")


def page(first: int, last: int, top: int, epoch: bytes | None = b"e", formers: bytes | None = None) -> list[Any]:
    """Return an answer with entries."""
    entries = [[b"%d-0" % offset, [b"d", RECORD]] for offset in range(first, last + 1)]
    return [[epoch, b"%d" % top, b"3", b"v", formers], 5000, 2000, entries]


async def read(*answers: Any, key: KeyName = META) -> list[Any]:
    """Read a key."""
    return await StateReader(ScriptedLink(*answers), lambda: 100.0).read(key)


async def stream(*answers: Any) -> tuple[int, int]:
    """Read a stream and return its top and how many publications it has."""
    (found,) = await read(*answers)
    return found.head.top, len(found.publications)


async def test_stream_is_read_with_its_position():
    """Epoch, top, version, ends, and what it goes on from if that is of this epoch."""
    kept = KeptPublication(bytes(publication("x").data))

    assert await read(page(2, 3, 3, formers=b"e x d:1")) == [
        WholeStream(KeptStream("a", "e", 3, 3, "v", 102.0, 105.0, "d:1"), [kept, kept])
    ]
    (found,) = await read(page(2, 3, 3, formers=b"f x d:1"))
    assert found.head.formers == ""


async def test_stream_without_publications_is_a_position():
    """So is one whose entries end below its top, for they are not of it."""
    assert await stream(page(1, 0, 7)) == (7, 0)
    assert await stream(page(1, 3, 7), page(1, 0, 7)) == (7, 0)
    assert await read(page(1, 0, 0, epoch=None)) == []


async def test_stream_ends_where_it_ended_when_reading_began():
    """What is published meanwhile makes it no longer to read than a page."""
    assert await stream(page(1, PAGE, PAGE + 1), page(PAGE + 1, PAGE + 5, PAGE + 5)) == (PAGE + 5, PAGE + 5)


async def test_stream_that_is_trimmed_meanwhile_goes_on_behind_the_gap():
    """Only what follows without a gap is kept."""
    assert await stream(page(1, 5, 9), page(7, 9, 9)) == (9, 3)


async def test_stream_that_begins_anew_meanwhile_is_read_anew():
    """Nothing of two epochs is mixed."""
    assert await stream(page(1, 5, 9), page(6, 7, 7, b"f"), page(1, 7, 7, b"f")) == (7, 7)
    assert await stream(page(1, 5, 9), page(1, 0, 2, b"f"), page(1, 2, 2, b"f")) == (2, 2)


async def test_result_is_read():
    """With its position; one that has gone is nothing."""
    key = KeyName("idempotency", "a", "k")

    assert await read([b"7:e", 5000], key=key) == [KeptResult("a", "k", 7, "e", 105.0)]
    assert await read([b"", -2], key=key) == []


async def test_presence_is_read():
    """Each client that both hashes know of."""
    value = pack(ClientInfo("42", "c"))
    answer = [[b"c", value], [b"c", b"107000", b"gone", b"1"]]

    found = await read(answer, key=KeyName("presence", "a"))
    assert [(one.channel, one.info.client, one.info.user, one.expires_at) for one in found] == [("a", "c", "42", 107.0)]
    assert isinstance(found[0], KeptPresence)
    assert isinstance(found[0].info, KeptInfo)


async def test_fields_are_read_in_pages():
    """Values may have any bytes; one that comes twice counts once."""
    answers = [[b"5", [b"n", b"107000:a:\xff"]], [b"0", [b"n", b"107000:a:\xff", b"m", b"108000:"]]]

    assert await read(*answers, key=KeyName("table", "t")) == [
        KeptRow("t", "n", b"a:\xff", 107.0),
        KeptRow("t", "m", b"", 108.0),
    ]
    assert await read(*answers[1:], key=KeyName("sessions", "o")) == [
        KeptSession("o", "n", b"a:\xff", 107.0),
        KeptSession("o", "m", b"", 108.0),
    ]


async def test_counters_are_read_and_buckets_are_not():
    """A bucket is full again before anybody could import it."""
    key = KeyName("counter", "k")

    assert await read([b"3", 5000], key=key) == [KeptCounter("k", 3, 105.0)]
    assert await read([b"3.5", 5000], key=key) == []
    assert await read([b"3", -2], key=key) == []


async def test_what_never_ends_has_an_end_far_away():
    """A key that somebody made persistent comes back all the same."""
    (found,) = await read([[b"e", b"0", None, None, None], -1, -1, []])

    assert found.head.removes_at > 300_000_000


async def test_other_keys_are_left_out():
    """Kinds without state of their own are passed over, foreign ones counted, failures told."""
    foreign = BrokerError("broker_foreign_key", "x")
    reader = StateReader(
        ScriptedLink(foreign, [b"x:e", 5], [[b"e", b"1", None, None, None], 1, 1, [[b"1-0", [b"d", b"\xc1"]]]]),
        lambda: 0.0,
    )

    assert await reader.read(KeyName("index", "a")) == []
    assert reader.foreign == 0
    assert await reader.read(META) == []
    assert await reader.read(KeyName("idempotency", "a", "k")) == []
    assert await reader.read(META) == []
    assert reader.foreign == 3
    with pytest.raises(BrokerError):
        await read(BrokerError("broker_timeout", "x"))
