"""What every broker must keep beside publications: presence, sessions, tables, counters, messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from msgspec import Raw

from holdfast.broker.base import PresenceStats
from holdfast.protocol.messages import ClientInfo
from tests.broker_worlds import GetRedis, World, until, world_of

# Sentinels are one more way to find a server; what it does then is proven in the two other modes.
KINDS = ["memory", "redis", pytest.param("redis-sentinel", marks=pytest.mark.proof), "redis-cluster"]


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, get_redis: GetRedis) -> AsyncIterator[World]:
    """Return a fresh broker of each kind."""
    async for one in world_of(request.param, get_redis):
        yield one


# Presence


async def test_presence_counts_clients_and_users(world: World):
    """Entries are by client; users are counted once; channels do not mix."""
    ann, bob = ClientInfo("ann", "c1"), ClientInfo("bob", "c3")
    anns_phone = ClientInfo("ann", "c2", Raw(b'{"a":"1:2"}'), Raw(b"[\n3]"))
    for info in (ann, anns_phone, bob):
        await world.broker.add_presence("news", info.client, info, 60)
    await world.broker.remove_presence("news", "c3")
    await world.broker.remove_presence("news", "unknown")

    assert await world.broker.presence("news") == {"c1": ann, "c2": anns_phone}
    assert await world.broker.presence_stats("news") == PresenceStats(2, 1)
    assert await world.broker.presence("chat:1") == {}


async def test_presence_expires_without_a_refresh(world: World):
    """A client whose instance died is gone after the TTL, from the numbers too; a refreshed one stays."""
    ann, anns_phone, bob = ClientInfo("ann", "c1"), ClientInfo("ann", "c2"), ClientInfo("bob", "c3")
    for info in (ann, anns_phone, bob):
        await world.broker.add_presence("news", info.client, info, world.seconds(30))
    await world.broker.add_presence("news", "c2", anns_phone, 60)

    await world.wait(32)

    assert await world.broker.presence("news") == {"c2": anns_phone}
    assert await world.broker.presence_stats("news") == PresenceStats(1, 1)


async def test_presence_follows_what_is_said_of_a_client(world: World):
    """A refresh may bring other information, and another user."""
    for info in (ClientInfo("ann", "c1"), ClientInfo("ann", "c2"), ClientInfo("bob", "c1", chan_info=Raw(b"1"))):
        await world.broker.add_presence("news", info.client, info, 60)

    assert (await world.broker.presence("news"))["c1"] == ClientInfo("bob", "c1", chan_info=Raw(b"1"))
    assert await world.broker.presence_stats("news") == PresenceStats(2, 2)
    await world.broker.remove_presence("news", "c1")
    await world.broker.remove_presence("news", "c1")
    assert await world.broker.presence_stats("news") == PresenceStats(1, 1)


async def test_users_are_taken_as_they_are(world: World):
    """No character of a user's or a channel's name has a meaning to the broker, and nobody has to have one."""
    names = ["", "1:a", "a:b", "a}{b", "a b", "ä\N{SNOWMAN}", "*", "a\0b", "%7B", "x" * 255]
    for number, name in enumerate(names):
        info = ClientInfo(name, f"c{number}")
        await world.broker.add_presence("all", info.client, info, 60)
        await world.broker.add_presence(name or "empty", info.client, info, 60)

    assert [info.user for _, info in sorted((await world.broker.presence("all")).items())] == names
    assert await world.broker.presence_stats("all") == PresenceStats(len(names), len(names))
    for name in names:
        assert [info.user for info in (await world.broker.presence(name or "empty")).values()] == [name]


# Sessions


async def test_session_is_kept_until_it_expires(world: World):
    """A value comes back as it was, and is gone at its end."""
    store = world.broker.sessions
    await store.put("alice", "1", b"\0:value\n", 60)
    assert await store.get("alice", "1") == b"\0:value\n"
    assert await store.get("bob", "1") is None
    assert await store.get("alice", "2") is None

    await store.put("alice", "1", b"again", world.seconds(10))
    await world.wait(12)
    assert await store.get("alice", "1") is None
    assert not await store.delete("alice", "1")
    assert await store.sessions_of("alice") == {}


async def test_session_is_swapped_for_the_expected_value_alone(world: World):
    """Of two who read the same value, one succeeds; the life is that of the new value."""
    store = world.broker.sessions
    await store.put("alice", "1", b"a", world.seconds(60))
    swapped = [await store.swap("alice", "1", b"a", new, 600) for new in (b"b", b"c")]
    await world.wait(62)

    assert swapped == [True, False]
    assert await store.get("alice", "1") == b"b"
    assert not await store.swap("alice", "2", b"", b"x", 60)


async def test_expired_session_is_not_swapped(world: World):
    """What has ended does not come back."""
    store = world.broker.sessions
    await store.put("alice", "1", b"a", world.seconds(10))
    await world.wait(12)

    assert not await store.swap("alice", "1", b"a", b"b", 600)
    assert await store.get("alice", "1") is None


async def test_sessions_of_an_owner(world: World):
    """All that live, and nobody else's."""
    store = world.broker.sessions
    for session, ttl in (("2", 600), ("1", 600), ("3", world.seconds(10))):
        await store.put("alice", session, session.encode(), ttl)
    await store.put("bob", "1", b"bob", 600)
    await store.put("alice", "2", b"again", 600)
    await world.wait(12)

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
    await tables.put("nodes", "a", b"1", 600)
    await tables.put("nodes", "a", b"2", 600)
    await tables.put("nodes", "b", b"3", world.seconds(60))
    await tables.put("nodes", "c", b"4", 600)
    await tables.put("other", "a", b"5", 600)
    await tables.remove("nodes", "c")
    await tables.remove("nodes", "never there")

    assert await tables.read("nodes") == {"a": b"2", "b": b"3"}
    await world.wait(62)
    assert await tables.read("nodes") == {"a": b"2"}
    assert await tables.read("none") == {}


async def test_counter_ends_with_the_time_of_its_first_event(world: World):
    """Later events do not prolong a counter; afterwards it begins at nothing."""
    counters = world.broker.counters
    assert (await counters.add("ann", world.seconds(60))).value == 1
    value, left = await counters.add("ann", 600, 3)

    assert value == 4
    assert 0 < left < world.seconds(61)
    assert (await counters.get("ann")).value == 4
    await world.wait(62)
    assert await counters.get("ann") == (0, 0)
    assert (await counters.add("ann", 60)).value == 1


async def test_cleared_counter_begins_again(world: World):
    """Clearing forgets what was counted."""
    counters = world.broker.counters
    await counters.add("ann", 60, 5)
    await counters.clear("ann")

    assert await counters.get("ann") == (0, 0)


async def test_counter_is_prolonged_by_each_event_if_so_wanted(world: World):
    """It ends so long after its last event; what is taken back prolongs nothing."""
    counters = world.broker.counters
    await counters.add("ann", world.seconds(60), prolong=True)
    assert (await counters.add("ann", 600, prolong=True)).value == 2
    await world.wait(62)

    value, left = await counters.add("ann", 6000, -1, prolong=True)
    assert value == 1
    assert 500 < left < 600


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
    waits = [await counters.take("ann", 0.02 / world.second, 3) for _ in range(5)]
    assert await counters.take("bob", 0.02 / world.second, 3) == 0

    assert waits[:3] == [0, 0, 0]
    assert all(0 < wait < world.seconds(51) for wait in waits[3:])
    await world.wait(51)
    assert await counters.take("ann", 0.02 / world.second, 3) == 0
    assert await counters.take("ann", 0.02 / world.second, 3) > 0


async def test_message_to_all_reaches_this_instance_too(world: World):
    """Messages of one sender come in their order, also all at once; one for an instance that is not there is lost."""
    for number in range(3):
        await world.broker.send(b"%d" % number)
    await world.broker.send(b"lost", "nobody")
    await asyncio.gather(*(world.broker.send(b"%d" % number) for number in range(3, 1000)))
    await world.broker.send(b"end")

    await until(lambda: b"end" in world.seen.messages)
    assert world.seen.messages == [*(b"%d" % number for number in range(1000)), b"end"]
