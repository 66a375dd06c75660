"""One stream: what questions select, what versions let through, and its capture in parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdfast.broker.base import HistoryFilter, PublishOptions
from holdfast.broker.stream import Stream, StreamPart, cut_up, is_outdated, new_epoch, select
from holdfast.errors import ChannelError
from holdfast.protocol.messages import StreamPosition
from tests.brokers import offsets, publication


def stream_of(first: int, top: int) -> Stream:
    """Return a stream that holds the offsets from `first` to `top`."""
    stream = Stream("news", "abcd")
    stream.top = top
    stream.log = [publication(offset=offset) for offset in range(first, top + 1)]
    return stream


def joined(parts: list[StreamPart]) -> list[int]:
    """Return the offsets that a reader of the parts ends up with."""
    log: list[int] = []
    for head, publications in parts:
        if head is not None:
            log = []
        log += offsets(publications)
    return log


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (HistoryFilter(0), []),
        (HistoryFilter(-1), [3, 4, 5, 6]),
        (HistoryFilter(2), [3, 4]),
        (HistoryFilter(2, reverse=True), [6, 5]),
        (HistoryFilter(-1, reverse=True), [6, 5, 4, 3]),
        (HistoryFilter(-1, StreamPosition(4, "abcd")), [5, 6]),
        (HistoryFilter(1, StreamPosition(4, "abcd")), [5]),
        (HistoryFilter(0, StreamPosition(4, "abcd")), []),
        (HistoryFilter(-1, StreamPosition(2, "abcd")), [3, 4, 5, 6]),
        (HistoryFilter(-1, StreamPosition(6, "abcd")), []),
        (HistoryFilter(-1, StreamPosition(4, "")), [5, 6]),
        (HistoryFilter(-1, StreamPosition(5, "abcd"), reverse=True), [4, 3]),
        (HistoryFilter(1, StreamPosition(5, "abcd"), reverse=True), [4]),
        (HistoryFilter(-1, StreamPosition(3, "abcd"), reverse=True), []),
        (HistoryFilter(-1, StreamPosition(1, "abcd"), reverse=True), []),
        (HistoryFilter(-1, StreamPosition(99, "abcd"), reverse=True), [6, 5, 4, 3]),
    ],
)
def test_select_returns_what_the_query_asks_for(query: HistoryFilter, expected: list[int]):
    """`since` is left out, `limit` cuts, `reverse` goes from new to old."""
    assert offsets(select(stream_of(3, 6), query)) == expected


@pytest.mark.parametrize(
    "query",
    [
        HistoryFilter(-1, StreamPosition(4, "other")),
        HistoryFilter(0, StreamPosition(4, "other")),
        HistoryFilter(-1, StreamPosition(4, "other"), reverse=True),
        HistoryFilter(-1, StreamPosition(1, "abcd")),
        HistoryFilter(-1, StreamPosition(0, "abcd")),
        HistoryFilter(-1, StreamPosition(1, "")),
        HistoryFilter(-1, StreamPosition(7, "abcd")),
    ],
)
def test_select_refuses_a_position_that_is_gone(query: HistoryFilter):
    """Another epoch, an offset already cut off and one that never was are error 112, not a partial answer."""
    with pytest.raises(ChannelError) as caught:
        select(stream_of(3, 6), query)

    assert caught.value.slug == "unrecoverable_position"
    assert caught.value.code.number == 112


def test_select_since_the_beginning_starts_at_the_oldest():
    """Offset 0 without an epoch is what SDKs iterate from: no position that could be gone."""
    found = select(stream_of(3, 6), HistoryFilter(-1, StreamPosition(0, "")))

    assert [one.offset for one in found] == [3, 4, 5, 6]


@given(st.integers(1, 20), st.integers(0, 20), st.integers(0, 45))
def test_select_since_a_position_is_gapless(first: int, length: int, since: int):
    """What follows a position is complete up to the top, or refused."""
    stream = stream_of(first, first + length - 1)

    try:
        found = offsets(select(stream, HistoryFilter(-1, StreamPosition(since, "abcd"))))
    except ChannelError:
        assert not first - 1 <= since <= stream.top
    else:
        assert found == list(range(since + 1, stream.top + 1))


@pytest.mark.parametrize(
    ("version", "version_epoch", "expected"),
    [(4, "a", True), (5, "a", True), (6, "a", False), (4, "", True), (6, "", False), (1, "b", False)],
)
def test_version_is_outdated_unless_above_the_last_of_its_epoch(version: int, version_epoch: str, expected: bool):
    """Versions compare within one version epoch; an empty one compares with whatever was last."""
    stream = stream_of(1, 1)
    stream.version, stream.version_epoch = 5, "a"

    options = PublishOptions(version=version, version_epoch=version_epoch)

    assert is_outdated(stream, options) is expected


def test_new_epoch_is_short_and_never_the_same():
    """Epochs are 8 letters and digits from the system's random numbers."""
    epochs = {new_epoch() for _ in range(100)}

    assert len(epochs) == 100
    assert all(len(epoch) == 8 and epoch.isalnum() for epoch in epochs)


def test_parts_are_bounded_and_join_to_the_whole():
    """A long stream comes in several parts, the first with its head."""
    parts = list(cut_up(stream_of(3, 25), 10))

    assert [len(part.publications) for part in parts] == [10, 10, 3]
    assert [part.head is not None for part in parts] == [True, False, False]
    assert joined(parts) == list(range(3, 26))


def test_parts_of_a_stream_that_was_emptied_begin_anew():
    """A removal between two parts leaves the position and no publications."""
    stream = stream_of(1, 20)
    walk = cut_up(stream, 8)
    parts = [next(walk)]

    stream.log = []
    parts += walk

    assert joined(parts) == []
    assert parts[-1].head is not None
    assert parts[-1].head.top == 20


def test_parts_leave_out_what_came_after_the_head():
    """Publications added between two parts belong to the next snapshot, those trimmed meanwhile stay."""
    stream = stream_of(1, 20)
    walk = cut_up(stream, 8)
    parts = [next(walk)]

    stream.log = [*stream.log[4:], publication(offset=21)]
    stream.top = 21
    parts += walk

    assert joined(parts) == list(range(1, 21))


def test_parts_of_a_stream_trimmed_faster_than_walked_end_with_a_copy():
    """However fast a stream moves on, its capture ends."""
    stream = stream_of(1, 20)
    parts: list[StreamPart] = []
    for part in cut_up(stream, 4):
        parts.append(part)
        stream.top += 10
        stream.log = [publication(offset=offset) for offset in range(stream.top - 19, stream.top + 1)]

    assert joined(parts) == list(range(parts[-1].head.top - 19, parts[-1].head.top + 1))
    assert len(parts) <= 8
