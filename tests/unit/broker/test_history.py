"""The history store: offsets, epochs, size, age, eviction, sweep and capture."""

from __future__ import annotations

from itertools import count

from msgspec import Raw

from holdfast.broker.base import HistoryFilter, PublishOptions
from holdfast.broker.history import HistoryStore
from holdfast.broker.stream import Stream
from tests.brokers import Clock, offsets, publication

ALL = HistoryFilter(-1)
KEEP = PublishOptions(history_size=5, history_ttl=60)


def make(clock: Clock, *, meta_ttl: float = 600, max_streams: int = 1000) -> HistoryStore:
    """Return a store whose epochs are e1, e2, ..."""
    numbers = count(1)
    return HistoryStore(clock, meta_ttl=meta_ttl, max_streams=max_streams, make_epoch=lambda: f"e{next(numbers)}")


def test_offsets_count_from_one_in_each_channel():
    """Each channel has its own stream."""
    store = make(Clock())

    positions = [store.add(name, publication(), KEEP)[0] for name in ("a", "a", "b")]

    assert positions == [(1, "e1"), (2, "e1"), (1, "e2")]


def test_size_keeps_the_newest():
    """Above history_size the oldest publications go."""
    store = make(Clock())
    for _ in range(8):
        store.add("a", publication(), KEEP)

    assert offsets(store.read("a", ALL).publications) == [4, 5, 6, 7, 8]


def test_publications_expire_after_ttl_and_position_stays():
    """An old stream is empty but goes on counting in the same epoch."""
    clock = Clock()
    store = make(clock)
    store.add("a", publication(), KEEP)

    clock.advance(60)

    assert store.read("a", ALL) == store.read("a", HistoryFilter(0))
    assert store.add("a", publication(), KEEP)[0] == (2, "e1")


def test_each_publication_renews_the_ttl():
    """The whole stream lives until its newest publication is too old."""
    clock = Clock()
    store = make(clock)
    store.add("a", publication(), KEEP)
    clock.advance(59)
    store.add("a", publication(), KEEP)

    clock.advance(59)

    assert offsets(store.read("a", ALL).publications) == [1, 2]


def test_position_expires_after_meta_ttl():
    """A forgotten channel starts again at 1 under a new epoch."""
    clock = Clock()
    store = make(clock)
    store.add("a", publication(), KEEP)

    clock.advance(600)

    assert store.add("a", publication(), KEEP)[0] == (1, "e2")


def test_reading_keeps_the_position_alive():
    """A channel somebody asks about is not forgotten; the call may name another meta TTL."""
    clock = Clock()
    store = make(clock)
    store.add("a", publication(), KEEP)
    clock.advance(599)
    store.read("a", HistoryFilter(0), meta_ttl=1000)

    clock.advance(999)

    assert store.read("a", HistoryFilter(0)).position == (1, "e1")


def test_position_outlives_publications_when_meta_ttl_is_shorter():
    """Offsets never start anew while publications of the old epoch are still there."""
    clock = Clock()
    store = make(clock, meta_ttl=10)
    store.add("a", publication(), KEEP)
    store.read("a", HistoryFilter(0))

    clock.advance(59)

    assert offsets(store.read("a", ALL).publications) == [1]


def test_read_of_an_unknown_channel_makes_a_position():
    """A subscriber of an empty channel has a position to recover from."""
    store = make(Clock())

    assert store.read("a", ALL).position == (0, "e1")
    assert store.add("a", publication(), KEEP)[0] == (1, "e1")


def test_remove_keeps_position_and_epoch():
    """history_remove takes publications only."""
    store = make(Clock())
    store.add("a", publication(), KEEP)

    store.remove("a")
    store.remove("never seen")

    assert store.read("a", ALL).publications == []
    assert store.read("a", ALL).position == (1, "e1")
    assert len(store) == 1


def test_outdated_version_is_not_taken():
    """A version that is not above the last one leaves the stream as it is, and says where it is."""
    store = make(Clock())
    third = PublishOptions(history_size=5, history_ttl=60, version=3)
    store.add("a", publication(), third)

    position, is_new = store.add("a", publication(), third)

    assert (position, is_new) == ((1, "e1"), False)
    assert store.add("a", publication(), KEEP) == ((2, "e1"), True)
    assert not store.add("a", publication(), third)[1]


def test_added_data_keeps_nothing_else_alive():
    """What is kept is the publication's own bytes, not the request it came in."""
    store = make(Clock())
    request = bytearray(b'{"data":' + b"1" * 10000 + b"}")
    one = publication()
    one.data = Raw(memoryview(request)[8:12])

    store.add("a", one, KEEP)
    request[:] = bytes(len(request))

    assert bytes(store.read("a", ALL).publications[0].data) == b"1111"


def test_sweep_frees_what_expired_a_bounded_number_at_a_time():
    """The sweep looks at no more than its budget and needs nobody to touch the channels."""
    clock = Clock()
    store = make(clock)
    for number in range(50):
        store.add(f"c{number}", publication(), KEEP)

    clock.advance(700)
    counts = [store.sweep(20) for _ in range(6)]

    assert counts == [20, 20, 20, 20, 20, 0]
    assert len(store) == 0


def test_sweep_leaves_what_is_in_use():
    """A publication or a question since the deadline was set moves it."""
    clock = Clock()
    store = make(clock)
    store.add("a", publication(), KEEP)
    clock.advance(590)
    store.add("a", publication(), KEEP)

    clock.advance(30)
    store.sweep(100)

    assert offsets(store.read("a", ALL).publications) == [2]


def test_sweep_frees_publications_of_a_stream_that_was_emptied_and_filled():
    """A removal does not leave a later publication without its deadline."""
    clock = Clock()
    store = make(clock)
    store.add("a", publication(), KEEP)
    store.remove("a")
    clock.advance(62)
    assert store.sweep(10) == 1
    store.add("a", publication(), KEEP)

    clock.advance(62)

    assert store.sweep(10) == 1


def test_sweep_forgets_streams_that_are_gone():
    """What a reader found expired, the sweep need not free again, and its next life stays."""
    clock = Clock()
    store = make(clock)
    store.add("a", publication(), KEEP)
    clock.advance(600)
    store.add("a", publication(), KEEP)

    clock.advance(61)
    store.sweep(10)

    assert store.read("a", HistoryFilter(0)).position == (1, "e2")


def test_streams_above_the_limit_push_out_the_idlest():
    """The number of streams is bounded, and those in use stay."""
    clock = Clock()
    store = make(clock, max_streams=3)
    for name in "abc":
        store.add(name, publication(), KEEP)
        clock.advance(61)
    store.add("a", publication(), KEEP)

    store.add("d", publication(), KEEP)

    assert len(store) == 3
    assert store.read("a", ALL).position == (2, "e1")
    assert store.add("b", publication(), KEEP)[0] == (1, "e5")


def test_eviction_passes_over_streams_that_are_gone():
    """A position that expired and began anew is not dropped in the place of its former life."""
    clock = Clock()
    store = make(clock, max_streams=2)
    store.add("a", publication(), KEEP)
    clock.advance(600)
    store.add("a", publication(), KEEP)
    store.add("b", publication(), KEEP)

    clock.advance(61)
    store.read("b", HistoryFilter(0))
    store.add("c", publication(), KEEP)

    assert len(store) == 2
    assert store.read("b", HistoryFilter(0)).position == (1, "e3")


def test_put_takes_the_place_of_what_was_there():
    """A restored stream is read, ages and goes on counting like any other."""
    clock = Clock()
    store = make(clock)
    store.add("a", publication(), KEEP)
    stream = Stream("a", "old")
    stream.top, stream.log = 9, [publication(offset=9)]
    stream.expires_at, stream.removes_at = clock.now + 5, clock.now + 50

    store.put(stream)

    assert len(store) == 1
    assert store.read("a", ALL).position == (9, "old")
    clock.advance(5)
    assert store.read("a", ALL).publications == []
    assert store.add("a", publication(), KEEP)[0] == (10, "old")


def test_capture_slices_are_bounded():
    """No slice holds more streams and publications together than its budget."""
    store = make(Clock())
    options = PublishOptions(history_size=1000, history_ttl=60)
    for number in range(30):
        for _ in range(number * 3):
            store.add(f"c{number}", publication(), options)

    slices = list(store.capture(16))

    weights = [sum(1 + len(part.publications) for part in parts) for parts in slices]
    assert max(weights) <= 16
    assert sum(len(part.publications) for parts in slices for part in parts) == sum(n * 3 for n in range(30))


def test_capture_goes_on_while_the_store_changes():
    """Streams that go and come between slices disturb no other stream's capture."""
    clock = Clock()
    store = make(clock, max_streams=20)
    for number in range(20):
        store.add(f"c{number}", publication(), PublishOptions(history_size=5, history_ttl=600))
    captured: dict[str, list[int]] = {}

    for step, parts in enumerate(store.capture(4)):
        for head, publications in parts:
            assert head is not None
            captured[head.channel] = offsets(publications)
        store.add(f"new{step}", publication(), KEEP)

    evicted = {f"c{number}" for number in range(20)} - set(captured)
    assert not {name for name in evicted if store.read(name, HistoryFilter(0)).position.offset}
    assert all(found == [1] for found in captured.values())
