"""What every broker must do, whichever it is; a new broker joins by one more world in `tests.broker_worlds`.

The other half is in test_broker_stores.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from holdfast.broker.base import HistoryFilter, PublishOptions, PublishResult
from holdfast.errors import ChannelError
from holdfast.protocol.messages import ClientInfo, StreamPosition
from tests.broker_worlds import ALL, IDEMPOTENCY_SECONDS, KEEP, GetRedis, World, until, world_of
from tests.brokers import offsets, publication, texts

TOP = HistoryFilter(0)
SEND = PublishOptions()


# Sentinels are one more way to find a server; what it does then is proven in the two other modes.
KINDS = ["memory", "redis", pytest.param("redis-sentinel", marks=pytest.mark.proof), "redis-cluster"]


@pytest.fixture(params=KINDS)
async def world(request: pytest.FixtureRequest, get_redis: GetRedis) -> AsyncIterator[World]:
    """Return a fresh broker of each kind."""
    async for one in world_of(request.param, get_redis):
        yield one


async def test_publication_is_delivered_with_its_position(world: World):
    """The handler gets channel, publication and position; the publisher gets the position too."""
    (result,) = await world.publish("news", '{"a":1}')
    await world.delivered(1)

    (channel, delivered, position) = world.seen.publications[0]
    assert (channel, texts([delivered]), delivered.offset) == ("news", ['{"a":1}'], 1)
    assert result == PublishResult(position)
    assert position.offset == 1
    assert position.epoch


async def test_publications_are_delivered_in_offset_order(world: World):
    """Offsets count from 1 without a gap and arrive in that order."""
    await world.publish("news", *"123456789")
    await world.delivered(9)

    assert offsets([one for _, one, _ in world.seen.publications]) == list(range(1, 10))


async def test_publication_without_history_has_no_offset(world: World):
    """A channel without history, or a publication that skips it, is delivered at offset 0 and not kept."""
    await world.publish("news", "1")
    (result,) = await world.publish("news", "2", options=SEND)
    await world.delivered(2)

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
    (first,) = await world.publish("news", "1", options=replace(KEEP, history_ttl=world.seconds(30)))

    await world.wait(32)

    assert await world.read("news") == []
    (second,) = await world.publish("news", "2")
    assert second.position == replace_offset(first.position, 2)


async def test_position_expires_after_its_meta_ttl(world: World):
    """After history_meta_ttl without use the stream begins anew, under a new epoch."""
    short = replace(KEEP, history_ttl=world.seconds(10), history_meta_ttl=world.seconds(30))
    (first,) = await world.publish("news", "1", options=short)

    await world.wait(32)
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
    await world.publish("news", "4", options=SEND)
    await world.delivered(3)

    assert again == PublishResult(first.position, suppressed=True)
    assert not elsewhere.suppressed
    assert sorted(texts([one for _, one, _ in world.seen.publications])) == ["1", "3", "4"]


@pytest.mark.parametrize(("ttl", "wait"), [(0, IDEMPOTENCY_SECONDS + 2), (10, 12)])
async def test_idempotency_key_is_forgotten_after_its_ttl(world: World, ttl: float, wait: float):
    """Results are kept for as long as the settings say, or the call."""
    keyed = replace(KEEP, idempotency_key="k", idempotency_ttl=world.seconds(ttl))
    await world.publish("news", "1", options=keyed)

    await world.wait(wait)
    (again,) = await world.publish("news", "2", options=keyed)
    await world.delivered(2)

    assert not again.suppressed


async def test_version_suppresses_what_is_not_newer(world: World):
    """Publications whose version is not above the last one are answered with the top and delivered to nobody."""
    first, older, same, newer = [
        (await world.publish("news", "1", options=replace(KEEP, version=version)))[0] for version in (5, 4, 5, 6)
    ]
    await world.delivered(2)

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
    await until(lambda: bool(world.seen.leaves))

    assert world.seen.joins == [("news", info)]
    assert world.seen.leaves == [("news", info)]


async def test_channel_names_are_taken_as_they_are(world: World):
    """No character of a name has a meaning to the broker."""
    names = ["a", "a:b", "a}{b", "a b", "ä\N{SNOWMAN}", "*", "a\0b", "x" * 255]
    for name in names:
        await world.publish(name, "1")

    for name in names:
        assert await world.read(name) == [1]
