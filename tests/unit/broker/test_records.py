"""Records: what goes into a snapshot comes out the same, less what has expired."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from holdfast.broker import records
from holdfast.broker.records import Begin, KeptPublications, KeptStream, Reader
from holdfast.broker.results import Result
from holdfast.broker.stream import Stream, cut_up
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition
from tests.brokers import offsets, publication

NOW = 5000.0
WALL = 1_800_000_000.0
SHIFT = WALL - NOW

payloads = st.binary(max_size=40).map(Raw)
infos = st.none() | st.builds(ClientInfo, st.text(max_size=5), st.text(max_size=5), payloads, payloads)
tags = st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)
publications = st.builds(Publication, payloads, infos, tags=tags)


def stream_of(log: list[Publication], *, expires_in: float = 60, removes_in: float = 600) -> Stream:
    """Return a stream whose newest publication has offset 50."""
    stream = Stream("news", "abcd")
    stream.top, stream.log = 50, log
    stream.version, stream.version_epoch = 2**63, "v"
    stream.expires_at, stream.removes_at = NOW + expires_in, NOW + removes_in
    return stream


def saved(stream: Stream, limit: int = 100) -> list[bytes]:
    """Return a snapshot of one stream, as bytes."""
    parts = records.stream_records(cut_up(stream, limit), SHIFT)
    return [records.encode(record) for record in (Begin(WALL, "1"), *parts)]


def read(snapshot: list[bytes], elapsed: float = 0.0, now: float = 70.0) -> Reader:
    """Return a reader that took a snapshot in some seconds after it was saved, under another clock."""
    reader = Reader(now, WALL + elapsed)
    for record in snapshot:
        reader.take(records.decode(record))
    return reader


@given(st.lists(publications, max_size=20), st.integers(1, 25))
def test_stream_comes_back_as_it_was(log: list[Publication], limit: int):
    """Data, tags, publishers, offsets, position and version survive, however the stream was cut up."""
    for offset, one in enumerate(log, 51 - len(log)):
        one.offset = offset

    (stream,) = read(saved(stream_of(log), limit)).streams()

    assert stream.log == log
    assert (stream.channel, stream.position) == ("news", (50, "abcd"))
    assert (stream.version, stream.version_epoch) == (2**63, "v")


def test_deadlines_go_on_while_no_process_runs():
    """What is left of a life shrinks by the time between saving and reading."""
    (stream,) = read(saved(stream_of([publication(offset=50)])), elapsed=20, now=70).streams()

    assert (stream.expires_at, stream.removes_at) == (70 + 40, 70 + 580)


def test_expired_publications_stay_away_and_the_position_comes_back():
    """A restart does not prolong history."""
    (stream,) = read(saved(stream_of([publication(offset=50)])), elapsed=60).streams()

    assert stream.log == []
    assert stream.position == (50, "abcd")


def test_expired_positions_stay_away():
    """A stream nobody used for its meta TTL is not restored."""
    assert read(saved(stream_of([])), elapsed=600).streams() == []


def test_wall_clock_set_back_prolongs_nothing():
    """A deadline is never further away than it was when saved."""
    (stream,) = read(saved(stream_of([])), elapsed=-3600, now=70).streams()

    assert stream.removes_at == 70 + 600


def test_results_come_back_unless_expired():
    """Idempotency keys are remembered over a restart for the rest of their time."""
    results = [Result("a", key, StreamPosition(1, "abcd"), NOW + left) for key, left in (("old", 5), ("new", 300))]
    snapshot = [records.encode(Begin(WALL, "1")), *map(records.encode, records.result_records(results, SHIFT))]

    (result,) = read(snapshot, elapsed=10, now=70).results()

    assert (result.channel, result.key, result.position) == ("a", "new", (1, "abcd"))
    assert result.expires_at == 70 + 290


def test_records_of_large_publications_are_bounded():
    """Nobody waits long for the interpreter while one record is encoded."""
    stream = stream_of([publication('"' + "x" * 60000 + '"') for _ in range(20)])

    sizes = [len(record) for record in saved(stream)]

    assert max(sizes) < 200_000
    assert len(read(saved(stream)).streams()[0].log) == 20


def test_later_stream_record_overrules_an_earlier_one():
    """A stream met twice is as it was the second time."""
    stream = stream_of([publication(offset=50)])
    snapshot = saved(stream)
    stream.top, stream.log = 51, [publication(offset=50), publication(offset=51)]
    snapshot += saved(stream)[1:]

    (found,) = read(snapshot).streams()

    assert offsets(found.log) == [50, 51]


@pytest.mark.parametrize(
    "wrong",
    [
        [KeptPublications([])],
        [Begin(WALL, "1"), KeptPublications([])],
        [Begin(WALL, "1"), Begin(WALL, "1")],
        [
            Begin(WALL, "1"),
            KeptStream("a", "e", 1, 0, "", WALL + 9, WALL + 9),
            KeptPublications([records.KeptPublication(b"1"), records.KeptPublication(b"2")]),
        ],
    ],
)
def test_records_that_cannot_stand_there_are_refused(wrong: list[records.Record]):
    """A file with a right checksum and wrong content is no snapshot either."""
    with pytest.raises(ValueError, match=r"expected|publications"):
        read([records.encode(record) for record in wrong]).streams()


def test_empty_payloads_come_back_as_none():
    """What was empty is left out by the encoder again, so that it stays JSON."""
    log = [Publication(Raw(b""), ClientInfo("u", "c"), 50)]

    (stream,) = read(saved(stream_of(log))).streams()

    assert msgspec.json.encode(stream.log[0]) == b'{"info":{"user":"u","client":"c"},"offset":50}'
