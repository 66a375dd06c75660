from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from holdfast.channels.local import GAP
from holdfast.connections.control import Target
from holdfast.connections.publishing import PublishTerms
from holdfast.connections.recovery import Pending, settle
from holdfast.connections.subscription import STREAM, Grant
from holdfast.errors import ChannelError
from holdfast.protocol.commands import SubscribeRequest
from holdfast.protocol.messages import Publication, StreamPosition
from tests.live import EVERYTHING, World
from tests.unit.connections.conftest import MakeWorld

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


def test_settle_leaves_the_latest_in_cache_mode() -> None:
    """Of what was read and what came meanwhile the last one counts."""
    pending = made(6, 0, 7, recovered=True)
    pending.is_cache = True
    settle(pending, StreamPosition(7, "e"))

    assert (offsets(pending.missed), offsets(pending.rest)) == ([7], [0])


@pytest.fixture
async def cache(make_world: MakeWorld) -> World:
    """An instance whose channels recover the latest publication."""
    options = {**EVERYTHING, "force_recovery": True, "force_recovery_mode": "cache", "allow_tags_filter": True}
    namespaces = [{**options, "name": "auto", "auto_cache_recover": True}]
    return await make_world(channel={"without_namespace": options, "namespaces": namespaces})


async def publish(world: World, channel: str, count: int) -> str:
    """Publish numbers from 1 on, the odd ones tagged so, and return the epoch."""
    for number in range(1, count + 1):
        terms = PublishTerms(tags={"odd": "1"} if number % 2 else None)
        result = await world.core.publisher.publish(channel, Raw(str(number).encode()), terms)
    return result.position.epoch


def outcome(reply: dict[str, Any]) -> tuple[bool, list[Any]]:
    """Return whether a subscription recovered, and what it got."""
    result = reply["subscribe"]
    return result.get("recovered", False), [one["data"] for one in result.get("publications", ())]


@pytest.mark.parametrize("position", [(0, ""), (2, ""), (2, "other"), (99, "other")])
async def test_cache_gives_the_latest_from_anywhere(cache: World, position: tuple[int, str]) -> None:
    """Whatever the client missed, and of whatever epoch, it gets the latest publication, and the live ones after it."""
    await publish(cache, "a", 15)
    client = cache.connect()
    reply = client.call("subscribe", channel="a", recover=True, offset=position[0], epoch=position[1])
    await publish(cache, "a", 1)

    assert outcome(reply) == (True, [15])
    assert reply["subscribe"]["offset" if position[0] else "was_recovering"] == (position[0] or True)
    assert [push["pub"]["offset"] for push in await client.pushes() if "pub" in push] == [16]


async def test_cache_gives_nothing_to_who_has_it(cache: World) -> None:
    """At the top there is nothing to recover, also when the publication is gone."""
    epoch = await publish(cache, "a", 3)
    for client in (cache.connect(), cache.connect("bob")):
        reply = client.call("subscribe", channel="a", recover=True, offset=3, epoch=epoch)
        assert outcome(reply) == (True, [])
        await cache.broker.history_remove("a")


async def test_cache_that_is_empty_recovers_nothing(cache: World) -> None:
    """Without a publication the recovery fails, the subscription exists, and the flag against gaps does not matter."""
    reply = cache.connect().call("subscribe", channel="a", recover=True, offset=2, epoch="x", flag=2)

    assert outcome(reply) == (False, [])
    assert reply["subscribe"]["recoverable"]


async def test_cache_not_asked_for_gives_nothing(cache: World) -> None:
    """A first subscribe begins at the present, unless the namespace says otherwise."""
    await publish(cache, "a", 3)
    await publish(cache, "auto:a", 3)

    assert outcome(cache.connect().call("subscribe", channel="a")) == (False, [])
    reply = cache.connect().call("subscribe", channel="auto:a")
    assert outcome(reply) == (True, [3])
    assert reply["subscribe"]["was_recovering"]


async def test_cache_speaks_to_server_side_subscriptions(cache: World) -> None:
    """Channels of the token, and those the API subscribes to, begin with the latest publication as well."""
    await publish(cache, "auto:a", 3)
    client = cache.open()
    reply = client.call("connect", token=cache.token(channels=["auto:a"]))
    other = cache.connect("bob")
    await cache.control.subscribe(Target("bob"), "auto:a", Grant(server_side=True))
    kinds = [next(iter(set(push) - {"channel"})) for push in await other.pushes()]

    assert [one["data"] for one in reply["connect"]["subs"]["auto:a"]["publications"]] == [3]
    assert kinds[:2] == ["subscribe", "pub"]


@pytest.mark.parametrize(("cmp", "expected"), [("ex", [3]), ("nex", [4])])
async def test_cache_gives_the_latest_that_matches(cache: World, cmp: str, expected: list[int]) -> None:
    """A filter chooses among what history holds."""
    await publish(cache, "a", 4)
    reply = cache.connect().call("subscribe", channel="a", recover=True, tf={"key": "odd", "cmp": cmp})

    assert outcome(reply) == (True, expected)


async def test_cache_without_a_match_recovers_nothing(cache: World) -> None:
    """Publications that do not match are none."""
    await publish(cache, "a", 4)
    reply = cache.connect().call("subscribe", channel="a", recover=True, tf={"key": "x", "cmp": "ex"})

    assert outcome(reply) == (False, [])
