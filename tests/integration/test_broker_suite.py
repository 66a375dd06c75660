"""What every broker must do, whichever it is; a new broker joins by one more entry in BROKERS.

Time passes by the world's `wait`: a broker of this process waits by moving its clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from holdfast.broker.base import Broker, HistoryFilter, PresenceStats, PublishOptions, PublishResult
from holdfast.broker.memory import MemoryBroker
from holdfast.errors import ChannelError
from holdfast.protocol.messages import ClientInfo, StreamPosition
from holdfast.settings import Settings
from tests.brokers import Clock, NoSubscribers, Recorder, offsets, publication, texts

ALL = HistoryFilter(-1)
TOP = HistoryFilter(0)
KEEP = PublishOptions(history_size=5, history_ttl=60, history_meta_ttl=600)
SEND = PublishOptions()


@dataclass
class World:
    """A started broker, what it delivered, and a way to let time pass."""

    broker: Broker
    seen: Recorder
    wait: Callable[[float], Awaitable[None]]

    async def until(self, check: Callable[[], bool]) -> None:
        """Return when something that the broker does later has come to pass."""
        async with asyncio.timeout(30):
            while not check():  # noqa: ASYNC110 - it comes from another process
                await asyncio.sleep(0.005)

    async def publish(self, channel: str, *data: str, options: PublishOptions = KEEP) -> list[PublishResult]:
        """Publish some data, one after the other."""
        return [await self.broker.publish(channel, publication(text), options) for text in data]

    async def read(self, channel: str, query: HistoryFilter = ALL) -> list[int]:
        """Return the offsets that a query finds."""
        return offsets((await self.broker.history(channel, query)).publications)


async def memory_world() -> AsyncIterator[World]:
    """Run the embedded broker by a clock that stands still."""
    clock = Clock()
    broker = MemoryBroker(Settings(), NoSubscribers({"news": 2, "chat:1": 1, "chat:2": 1}), clock=clock)
    seen = Recorder()

    async def wait(seconds: float) -> None:
        clock.advance(seconds)
        broker.sweep(1000)

    await broker.start(seen)
    for name in ("news", "chat:1", "chat:2"):
        await broker.subscribe(name)
    yield World(broker, seen, wait)
    await broker.stop()


BROKERS: dict[str, Callable[[], AsyncIterator[World]]] = {"memory": memory_world}


@pytest.fixture(params=BROKERS)
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Return a fresh broker of each kind."""
    async for one in BROKERS[request.param]():
        yield one


async def test_publication_is_delivered_with_its_position(world: World):
    """The handler gets channel, publication and position before the publisher gets its answer."""
    (result,) = await world.publish("news", '{"a":1}')

    (channel, delivered, position) = world.seen.publications[0]
    assert (channel, texts([delivered]), delivered.offset) == ("news", ['{"a":1}'], 1)
    assert result == PublishResult(position)
    assert position.offset == 1
    assert position.epoch


async def test_publications_are_delivered_in_offset_order(world: World):
    """Offsets count from 1 without a gap and arrive in that order."""
    await world.publish("news", *"123456789")

    assert offsets([one for _, one, _ in world.seen.publications]) == list(range(1, 10))


async def test_publication_without_history_has_no_offset(world: World):
    """A channel without history, or a publication that skips it, is delivered at offset 0 and not kept."""
    await world.publish("news", "1")
    (result,) = await world.publish("news", "2", options=SEND)

    assert result == PublishResult(StreamPosition(0, ""))
    assert world.seen.publications[-1][1].offset == 0
    assert await world.read("news") == [1]


async def test_publication_keeps_tags_and_publisher(world: World):
    """History gives back all that was published."""
    info = ClientInfo("ann", "c1")
    await world.broker.publish("news", publication("1", info=info, tags={"kind": "x"}), KEEP)

    (found,) = (await world.broker.history("news", ALL)).publications

    assert (found.info, found.tags) == (info, {"kind": "x"})


async def test_history_keeps_the_newest_up_to_its_size(world: World):
    """Above history_size the oldest go."""
    await world.publish("news", *"12345678")

    assert await world.read("news") == [4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (HistoryFilter(0), []),
        (HistoryFilter(2), [4, 5]),
        (HistoryFilter(2, reverse=True), [8, 7]),
        (HistoryFilter(-1, reverse=True), [8, 7, 6, 5, 4]),
    ],
)
async def test_history_selects(world: World, query: HistoryFilter, expected: list[int]):
    """`limit` 0 is the position only, and `reverse` goes from new to old; the position is always the top."""
    await world.publish("news", *"12345678")

    assert await world.read("news", query) == expected
    assert (await world.broker.history("news", query)).position.offset == 8


@pytest.mark.parametrize(
    ("offset", "reverse", "limit", "expected"),
    [
        (8, False, -1, []),
        (6, False, -1, [7, 8]),
        (6, False, 1, [7]),
        (3, False, -1, [4, 5, 6, 7, 8]),
        (6, True, -1, [5, 4]),
        (6, True, 1, [5]),
        (4, True, -1, []),
    ],
)
async def test_history_since_a_position(world: World, offset: int, reverse: bool, limit: int, expected: list[int]):
    """The position itself is left out, and pages follow each other in both directions."""
    results = await world.publish("news", *"12345678")
    since = replace_offset(results[-1].position, offset)

    assert await world.read("news", HistoryFilter(limit, since, reverse)) == expected


def replace_offset(position: StreamPosition, offset: int) -> StreamPosition:
    """Return another place in the same stream."""
    return StreamPosition(offset, position.epoch)


@pytest.mark.parametrize("offset", [0, 2, 9, 2**53])
async def test_history_since_a_position_that_is_gone_is_refused(world: World, offset: int):
    """What was cut off, and what never was, is error 112 and not a part of the answer."""
    results = await world.publish("news", *"12345678")

    with pytest.raises(ChannelError, match="unrecoverable_position"):
        await world.read("news", HistoryFilter(-1, replace_offset(results[-1].position, offset)))


async def test_history_since_another_epoch_is_refused(world: World):
    """Positions of another life of the stream mean nothing, in either direction."""
    await world.publish("news", "1")

    for reverse in (False, True):
        with pytest.raises(ChannelError, match="unrecoverable_position"):
            await world.read("news", HistoryFilter(-1, StreamPosition(1, "another"), reverse))


async def test_history_of_a_new_channel_gives_a_position_that_lasts(world: World):
    """Whoever subscribes to an empty channel can recover from there."""
    position = (await world.broker.history("news", TOP)).position
    await world.publish("news", "1")

    assert position.offset == 0
    assert await world.read("news", HistoryFilter(-1, position)) == [1]


async def test_history_expires_and_the_position_stays(world: World):
    """After history_ttl without a publication the stream is empty and goes on counting."""
    (first,) = await world.publish("news", "1")

    await world.wait(61)

    assert await world.read("news") == []
    (second,) = await world.publish("news", "2")
    assert second.position == replace_offset(first.position, 2)


async def test_position_expires_after_its_meta_ttl(world: World):
    """After history_meta_ttl without use the stream begins anew, under a new epoch."""
    (first,) = await world.publish("news", "1")

    await world.wait(601)
    (second,) = await world.publish("news", "2")

    assert second.position.offset == 1
    assert second.position.epoch != first.position.epoch


async def test_history_remove_keeps_the_position(world: World):
    """Publications go, offset and epoch stay; an unknown channel is no error."""
    results = await world.publish("news", *"123")

    await world.broker.history_remove("news")
    await world.broker.history_remove("never seen")

    found = await world.broker.history("news", ALL)
    assert (found.publications, found.position) == ([], results[-1].position)
    with pytest.raises(ChannelError, match="unrecoverable_position"):
        await world.read("news", HistoryFilter(-1, results[0].position))


@pytest.mark.parametrize("options", [KEEP, SEND])
async def test_idempotency_key_delivers_once(world: World, options: PublishOptions):
    """A repeated key gives the first result again; another key or channel is another publication."""
    keyed = replace(options, idempotency_key="k")
    first, again = await world.publish("news", "1", "2", options=keyed)
    (elsewhere,) = await world.publish("chat:1", "3", options=keyed)

    assert again == PublishResult(first.position, suppressed=True)
    assert not elsewhere.suppressed
    assert len(world.seen.publications) == 2


@pytest.mark.parametrize(("ttl", "wait"), [(0.0, 301), (10.0, 11)])
async def test_idempotency_key_is_forgotten_after_its_ttl(world: World, ttl: float, wait: float):
    """Results are kept for 300 seconds, or as long as the call says."""
    keyed = replace(KEEP, idempotency_key="k", idempotency_ttl=ttl)
    await world.publish("news", "1", options=keyed)

    await world.wait(wait)
    (again,) = await world.publish("news", "2", options=keyed)

    assert not again.suppressed
    assert len(world.seen.publications) == 2


async def test_version_suppresses_what_is_not_newer(world: World):
    """Publications whose version is not above the last one are answered with the top and delivered to nobody."""
    first, older, same, newer = [
        (await world.publish("news", "1", options=replace(KEEP, version=version)))[0] for version in (5, 4, 5, 6)
    ]

    assert [one.suppressed for one in (first, older, same, newer)] == [False, True, True, False]
    assert older.position == first.position
    assert offsets([one for _, one, _ in world.seen.publications]) == [1, 2]


async def test_version_of_another_version_epoch_is_newer(world: World):
    """A source of versions that began anew is believed."""
    await world.publish("news", "1", options=replace(KEEP, version=9, version_epoch="old"))

    (renewed,) = await world.publish("news", "2", options=replace(KEEP, version=1, version_epoch="new"))
    (repeated,) = await world.publish("news", "3", options=replace(KEEP, version=1, version_epoch="new"))

    assert (renewed.suppressed, repeated.suppressed) == (False, True)


async def test_publication_without_a_version_leaves_the_version(world: World):
    """Mixed publishers do not reset each other's versions."""
    await world.publish("news", "1", options=replace(KEEP, version=5))
    await world.publish("news", "2")

    (repeated,) = await world.publish("news", "3", options=replace(KEEP, version=5))

    assert repeated.suppressed


async def test_join_and_leave_are_delivered(world: World):
    """Joins and leaves come to the handler."""
    info = ClientInfo("ann", "c1")
    await world.broker.publish_join("news", info)
    await world.broker.publish_leave("news", info)

    assert world.seen.joins == [("news", info)]
    assert world.seen.leaves == [("news", info)]


async def test_presence_counts_clients_and_users(world: World):
    """Entries are by client; users are counted once; channels do not mix."""
    ann, anns_phone, bob = ClientInfo("ann", "c1"), ClientInfo("ann", "c2"), ClientInfo("bob", "c3")
    for info in (ann, anns_phone, bob):
        await world.broker.add_presence("news", info.client, info, 60)
    await world.broker.remove_presence("news", "c3")
    await world.broker.remove_presence("news", "unknown")

    assert await world.broker.presence("news") == {"c1": ann, "c2": anns_phone}
    assert await world.broker.presence_stats("news") == PresenceStats(2, 1)
    assert await world.broker.presence("chat:1") == {}


async def test_presence_expires_without_a_refresh(world: World):
    """A client whose instance died is gone after the TTL; a refreshed one stays."""
    ann, bob = ClientInfo("ann", "c1"), ClientInfo("bob", "c2")
    await world.broker.add_presence("news", "c1", ann, 60)
    await world.broker.add_presence("news", "c2", bob, 60)
    await world.wait(40)
    await world.broker.add_presence("news", "c2", bob, 60)

    await world.wait(40)

    assert await world.broker.presence("news") == {"c2": bob}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", {"news": 2, "chat:1": 1, "chat:2": 1}),
        ("*", {"news": 2, "chat:1": 1, "chat:2": 1}),
        ("chat:*", {"chat:1": 1, "chat:2": 1}),
        ("news", {"news": 2}),
        ("NEWS", {}),
    ],
)
async def test_channels_match_a_glob(world: World, pattern: str, expected: dict[str, int]):
    """Channels with subscribers are listed with their numbers; case matters."""
    assert dict(await world.broker.channels(pattern)) == expected


async def test_channel_names_are_taken_as_they_are(world: World):
    """No character of a name has a meaning to the broker."""
    names = ["a", "a:b", "a}{b", "a b", "ä\N{SNOWMAN}", "*", "a\0b", "x" * 255]
    for name in names:
        await world.publish(name, "1")

    for name in names:
        assert await world.read(name) == [1]


async def test_session_is_kept_until_it_expires(world: World):
    """A value comes back as it was, and is gone at its end."""
    store = world.broker.sessions
    await store.put("alice", "1", b"\0value", 60)
    await world.wait(40)
    assert await store.get("alice", "1") == b"\0value"
    assert await store.get("bob", "1") is None
    assert await store.get("alice", "2") is None

    await world.wait(30)
    assert await store.get("alice", "1") is None
    assert await store.sessions_of("alice") == {}


async def test_session_is_swapped_for_the_expected_value_alone(world: World):
    """Of two who read the same value, one succeeds; the life is that of the new value."""
    store = world.broker.sessions
    await store.put("alice", "1", b"a", 30)
    swapped = [await store.swap("alice", "1", b"a", new, 600) for new in (b"b", b"c")]
    await world.wait(60)

    assert swapped == [True, False]
    assert await store.get("alice", "1") == b"b"
    assert not await store.swap("alice", "2", b"", b"x", 60)


async def test_expired_session_is_not_swapped(world: World):
    """What has ended does not come back."""
    store = world.broker.sessions
    await store.put("alice", "1", b"a", 30)
    await world.wait(40)

    assert not await store.swap("alice", "1", b"a", b"b", 600)
    assert await store.get("alice", "1") is None


async def test_sessions_of_an_owner(world: World):
    """All that live, and nobody else's."""
    store = world.broker.sessions
    for session, ttl in (("2", 600), ("1", 600), ("3", 30)):
        await store.put("alice", session, session.encode(), ttl)
    await store.put("bob", "1", b"bob", 600)
    await store.put("alice", "2", b"again", 600)
    await world.wait(40)

    assert await store.sessions_of("alice") == {"1": b"1", "2": b"again"}
    assert [await store.delete("alice", "2") for _ in range(2)] == [True, False]
    assert await store.sessions_of("alice") == {"1": b"1"}
    assert await store.get("bob", "1") == b"bob"


async def test_owners_and_sessions_are_taken_as_they_are(world: World):
    """No character of a name has a meaning to the broker."""
    store = world.broker.sessions
    names = ["a", "a:b", "a}{b", "a b", "ä\N{SNOWMAN}", "*", "a\0b", "x" * 128]
    for name in names:
        await store.put(name, "1", name.encode(), 60)

    for name in names:
        assert await store.sessions_of(name) == {"1": name.encode()}


# Tables, counters, messages


async def test_table_gives_what_was_put_until_it_expires(world: World):
    """A table's values are read by name, the latest of each, until their time is over or they are removed."""
    tables = world.broker.tables
    await tables.put("nodes", "a", b"1", 60)
    await tables.put("nodes", "a", b"2", 60)
    await tables.put("nodes", "b", b"3", 1)
    await tables.put("nodes", "c", b"4", 60)
    await tables.put("other", "a", b"5", 60)
    await tables.remove("nodes", "c")
    await tables.remove("nodes", "never there")

    assert await tables.read("nodes") == {"a": b"2", "b": b"3"}
    await world.wait(1.1)
    assert await tables.read("nodes") == {"a": b"2"}
    assert await tables.read("none") == {}


async def test_counter_ends_with_the_time_of_its_first_event(world: World):
    """Later events do not prolong a counter; afterwards it begins at nothing."""
    counters = world.broker.counters
    assert (await counters.add("ann", 2)).value == 1
    await world.wait(1.1)
    value, left = await counters.add("ann", 2, 3)

    assert value == 4
    assert 0 < left < 1
    assert (await counters.get("ann")).value == 4
    await world.wait(1.1)
    assert await counters.get("ann") == (0, 0)
    assert (await counters.add("ann", 2)).value == 1


async def test_cleared_counter_begins_again(world: World):
    """Clearing forgets what was counted."""
    counters = world.broker.counters
    await counters.add("ann", 60, 5)
    await counters.clear("ann")

    assert await counters.get("ann") == (0, 0)


async def test_counter_is_prolonged_by_each_event_if_so_wanted(world: World):
    """It ends so long after its last event; what is taken back prolongs nothing."""
    counters = world.broker.counters
    await counters.add("ann", 20, prolong=True)
    await world.wait(15)
    assert (await counters.add("ann", 20, prolong=True)).value == 2
    await world.wait(15)

    value, left = await counters.add("ann", 20, -1, prolong=True)
    assert value == 1
    assert 0 < left < 10
    await world.wait(10)
    assert await counters.get("ann") == (0, 0)


async def test_counter_that_is_taken_back_begins_again(world: World):
    """At 0 there is none, and never fewer."""
    counters = world.broker.counters
    await counters.add("ann", 60, 2)

    assert await counters.add("ann", 60, -2) == (0, 0)
    assert await counters.add("ann", 60, -1) == (0, 0)
    assert (await counters.add("ann", 60)).value == 1


async def test_bucket_holds_a_burst_and_fills_again(world: World):
    """So many at once, so many a second; who is refused takes nothing, and buckets do not mix."""
    counters = world.broker.counters
    waits = [await counters.take("ann", 0.1, 3) for _ in range(5)]
    assert await counters.take("bob", 0.1, 3) == 0

    assert waits[:3] == [0, 0, 0]
    assert all(0 < wait <= 10 for wait in waits[3:])
    await world.wait(11)
    assert await counters.take("ann", 0.1, 3) == 0
    assert await counters.take("ann", 0.1, 3) > 0


async def test_message_to_all_reaches_this_instance_too(world: World):
    """Messages of one sender come in their order; one for an instance that is not there comes to nobody."""
    for number in range(3):
        await world.broker.send(b"%d" % number)
    await world.broker.send(b"lost", "nobody")
    await world.broker.send(b"end")

    await world.until(lambda: b"end" in world.seen.messages)
    assert world.seen.messages == [b"0", b"1", b"2", b"end"]
