"""Publications that the link loses come from history, in order and once; what is gone is said."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest
from msgspec import Raw

from holdfast.broker.base import History, HistoryFilter, PublishOptions, PublishResult
from holdfast.broker.memory import MemoryBroker
from holdfast.connections import catch_up
from holdfast.errors import BrokerError, ChannelError
from holdfast.protocol.messages import ClientInfo, Publication, StreamPosition
from holdfast.telemetry import metrics
from tests.brokers import Clock
from tests.live import EVERYTHING, Client, World
from tests.unit.connections.conftest import MakeWorld


class LossyLink:
    """A shared broker whose link can be cut, can be late, and whose history can fail."""

    is_shared = True

    def __init__(self, inner: MemoryBroker) -> None:
        self.inner = inner
        self.is_up = True
        self.late: list[tuple[Any, ...]] | None = None
        self.failures = 0
        self.reads = 0
        self.reconciled: list[tuple[str, StreamPosition]] = []
        self.went_back = False
        self.renamed = ""
        self.gate: asyncio.Event | None = None
        self.answering: asyncio.Event | None = None
        self.handler: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def start(self, handler: Any) -> None:
        self.handler = handler
        await self.inner.start(self)  # type: ignore[arg-type]  # as much of a handler as it needs

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishResult:
        if not self.is_up:
            raise BrokerError("broker_unavailable", is_undone=True)
        return await self.inner.publish(channel, publication, options)

    async def history(self, channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        self.reads += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            self.failures -= 1
            raise BrokerError("broker_timeout")
        found = await self.inner.history(channel, query, meta_ttl)
        if self.answering is not None:
            await self.answering.wait()

        if self.renamed:
            return History(found.publications, StreamPosition(found.position.offset, self.renamed))
        return found

    async def reconcile(self, channel: str, seen: StreamPosition) -> None:
        self.reconciled.append((channel, seen))
        if self.went_back:
            raise ChannelError("unrecoverable_position")

    def on_publication(self, *arguments: Any) -> None:
        if not self.is_up:
            return
        if self.late is not None:
            self.late.append(arguments)
        else:
            self.handler.on_publication(*arguments)

    def on_join(self, channel: str, info: ClientInfo) -> None:
        self.handler.on_join(channel, info)

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        self.handler.on_leave(channel, info)

    def cut(self) -> None:
        """Lose what is published from now on."""
        self.is_up = False
        self.handler.on_interrupted()

    def heal(self, channels: Collection[str] = ("a",)) -> None:
        """Deliver again."""
        self.is_up = True
        self.handler.on_resumed(channels)

    def arrive(self) -> None:
        """Let what was late arrive."""
        late, self.late = self.late or [], None
        for arguments in late:
            self.handler.on_publication(*arguments)


@pytest.fixture
async def link(make_world: MakeWorld) -> LossyLink:
    """One instance behind such a link."""
    world = await make_world(wrap=LossyLink, channel={"without_namespace": EVERYTHING})
    world.broker.world = world
    assert isinstance(world.broker, LossyLink)
    return world.broker


@pytest.fixture
async def client(link: LossyLink) -> Client:
    """A client that recovers, and one that does not, both on `a`."""
    world: World = link.world
    client = world.connect()
    client.call("subscribe", channel="a", positioned=True, recoverable=True)
    await client.pushes()
    return client


async def publish(link: LossyLink, *numbers: int, channel: str = "a") -> None:
    """Publish at another instance."""
    options = PublishOptions(history_size=10, history_ttl=300)
    for number in numbers:
        await link.inner.publish(channel, Publication(Raw(b"%d" % number)), options)


async def numbers(client: Client) -> list[int]:
    """Return what came, and nothing but publications."""
    return [push["pub"]["data"] for push in await client.pushes()]


async def test_missed_publications_come_from_history(link: LossyLink, client: Client) -> None:
    """After the link is back subscribers get all of it, in order, once, and go on live."""
    await publish(link, 1)
    link.cut()
    await publish(link, 2, 3)
    link.heal()
    await publish(link, 4)

    assert await numbers(client) == [1, 2, 3, 4]
    assert link.reconciled == [("a", link.world.hub.position("a")._replace(offset=1))]


async def test_publications_wait_while_a_channel_is_filled(link: LossyLink, client: Client) -> None:
    """What comes live before history was read comes behind it."""
    await publish(link, 1)
    link.cut()
    await publish(link, 2)
    link.gate = asyncio.Event()
    link.heal()
    await publish(link, 3, 4)
    assert await numbers(client) == [1]
    link.gate.set()

    assert await numbers(client) == [2, 3, 4]


async def test_gap_is_filled_without_an_interruption(link: LossyLink, client: Client) -> None:
    """A publication that the link lost without a word is missed when the next one comes."""
    await publish(link, 1)
    link.is_up = False
    await publish(link, 2)
    link.is_up = True
    await publish(link, 3)

    assert await numbers(client) == [1, 2, 3]


async def test_silent_loss_is_filled_after_two_checks(link: LossyLink, client: Client, clock: Clock) -> None:
    """What nothing comes after is found by the comparison of positions."""
    await publish(link, 1)
    link.is_up = False
    await publish(link, 2)
    link.is_up = True
    clock.advance(41)
    await link.world.core.positions.check()
    await link.world.core.positions.check()

    assert await numbers(client) == [1, 2]


async def test_silent_loss_before_anything_came_is_said(link: LossyLink, clock: Clock) -> None:
    """While somebody without a position follows, too, history might overtake what is on its way: clients recover."""
    link.world.connect().call("subscribe", channel="a")
    client = link.world.connect()
    client.call("subscribe", channel="a", positioned=True, recoverable=True)
    await client.pushes()
    link.is_up = False
    await publish(link, 1)
    link.is_up = True
    clock.advance(41)
    await link.world.core.positions.check()
    await link.world.core.positions.check()

    assert [push.get("unsubscribe", {}).get("code") for push in await client.pushes()] == [2500]


async def test_late_publications_after_a_fill_are_dropped_without_another(link: LossyLink, client: Client) -> None:
    """The link still brings what history gave already: nobody gets it twice, and nothing is read again for it."""
    await publish(link, 1)
    link.late = []
    await publish(link, 2, 3)
    link.handler.on_resumed(["a"])
    await numbers(client)
    reads = link.reads
    link.arrive()
    await publish(link, 4)

    assert await numbers(client) == [4]
    assert link.reads == reads


async def test_lost_publications_end_that_subscription_alone(link: LossyLink, client: Client) -> None:
    """Where history is too short only who follows that channel has to start anew."""
    client.call("subscribe", channel="b", positioned=True, recoverable=True)
    await publish(link, 1)
    await publish(link, 1, channel="b")
    await numbers(client)
    link.cut()
    await publish(link, *range(2, 15))
    await publish(link, 2, channel="b")
    link.heal(["a", "b"])

    pushes = await client.pushes()
    assert [push for push in pushes if push["channel"] == "a"] == [
        {"channel": "a", "unsubscribe": {"code": 2500, "reason": "subscription_insufficient_state"}}
    ]
    assert [push["pub"]["data"] for push in pushes if push["channel"] == "b"] == [2]
    assert metrics.CATCH_UPS_LOST._value.get() >= 1


async def test_new_subscriber_after_a_loss_is_left_alone(link: LossyLink, client: Client) -> None:
    """Who comes back after the loss starts behind it, and the next publication reaches it."""
    await publish(link, 1)
    link.cut()
    await publish(link, *range(2, 15))
    link.heal()
    await client.pushes()
    client.call("subscribe", channel="a", positioned=True, recoverable=True)
    await publish(link, 15)

    assert await numbers(client) == [15]


async def test_stream_that_went_back_ends_the_subscription(link: LossyLink, client: Client) -> None:
    """A broker that lost what was seen is a loss, never a silent gap."""
    await publish(link, 1)
    await numbers(client)
    link.cut()
    link.went_back = True
    link.heal()

    (push,) = await client.pushes()
    assert push["unsubscribe"]["code"] == 2500


async def test_stream_behind_what_was_seen_is_reconciled(link: LossyLink, client: Client, clock: Clock) -> None:
    """The comparison of positions also finds a broker that went back while nobody publishes."""
    await publish(link, 1, 2)
    await numbers(client)
    position = link.world.hub.position("a")
    stream = link.inner._history._streams["a"]
    stream.log, stream.top = stream.log[:1], 1
    clock.advance(41)
    await link.world.core.positions.check()

    assert link.reconciled == [("a", position)]


async def test_repeated_publication_is_looked_into(link: LossyLink, client: Client) -> None:
    """On a sound link an offset comes once; one that comes again may be a stream that went back."""
    await publish(link, 1, 2)
    position = link.world.hub.position("a")
    link.handler.on_publication("a", Publication(Raw(b"9"), offset=1), position._replace(offset=1))

    assert link.reconciled == [("a", position)]
    assert await numbers(client) == [1, 2]


async def test_broker_that_fails_meanwhile_is_asked_again(link: LossyLink, client: Client) -> None:
    """A failed read is repeated until it is known what was missed."""
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    link.handler._sleep = nap
    await publish(link, 1)
    link.cut()
    await publish(link, 2)
    link.failures = 3
    link.heal()

    assert await numbers(client) == [1, 2]
    assert len(naps) == 3
    assert max(naps) <= 2


async def test_history_that_is_not_ours_is_lost(
    link: LossyLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not become ours by asking again, and channels like it must not keep all others from being filled."""
    monkeypatch.setattr(catch_up, "WORKERS", 1)
    client.call("subscribe", channel="b", positioned=True, recoverable=True)
    read = link.history

    async def read_or_fail(channel: str, query: HistoryFilter, meta_ttl: float = 0.0) -> History:
        if channel == "a":
            raise BrokerError("broker_foreign_key")
        return await read(channel, query, meta_ttl)

    link.cut()
    await publish(link, 1)
    await publish(link, 2, channel="b")
    monkeypatch.setattr(link, "history", read_or_fail)
    link.heal(["a", "b"])

    said = {push["channel"]: push for push in await client.pushes()}
    assert said["a"]["unsubscribe"]["code"] == 2500
    assert said["b"]["pub"]["data"] == 2


async def test_more_than_can_wait_is_read_from_history(
    link: LossyLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy channel does not fill the memory while it is filled."""
    monkeypatch.setattr(catch_up, "MOST_HELD", 2)
    await publish(link, 1)
    link.cut()
    await publish(link, 2)
    link.gate = asyncio.Event()
    link.heal()
    await publish(link, 3, 4, 5, 6)
    assert len(link.handler._gaps["a"].held) <= 2
    link.gate.set()
    await asyncio.sleep(0)
    await publish(link, 7)

    assert await numbers(client) == [1, 2, 3, 4, 5, 6, 7]
    assert len(link.handler) == 0


async def test_pages_are_read_until_the_present(
    link: LossyLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit into one answer comes with the next."""
    monkeypatch.setattr(catch_up, "PAGE", 3)
    await publish(link, 1)
    link.cut()
    await publish(link, *range(2, 11))
    link.heal()

    assert await numbers(client) == list(range(1, 11))


async def test_many_channels_are_filled_a_few_at_a_time(
    link: LossyLink, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker that just came back is not stormed, and all channels are filled in the end."""
    monkeypatch.setattr(catch_up, "WORKERS", 2)
    names = [f"c{number}" for number in range(10)]
    for name in names:
        client.call("subscribe", channel=name, positioned=True, recoverable=True)
    link.cut()
    for name in names:
        await publish(link, 1, channel=name)
    link.gate = asyncio.Event()
    before = link.reads
    link.heal(names)
    await asyncio.sleep(0)
    assert link.reads - before == 2
    link.gate.set()

    assert sorted(push["channel"] for push in await client.pushes() if "pub" in push) == sorted(names)
    assert link.handler._working == 0


async def test_link_that_is_lost_again_is_looked_at_again(link: LossyLink, client: Client) -> None:
    """What was read before the second loss says nothing of what came then, and nobody waits for a check."""
    await publish(link, 1)
    link.answering = asyncio.Event()
    link.heal()
    await asyncio.sleep(0)
    link.cut()
    await publish(link, 2)
    link.heal()
    link.answering.set()

    assert await numbers(client) == [1, 2]


async def test_loss_while_the_first_subscription_is_made_is_said(link: LossyLink, client: Client) -> None:
    """It read history before, nobody else knows how far the stream had come, and it must not wait for a check."""
    link.answering = asyncio.Event()
    client.send({"id": 50, "subscribe": {"channel": "b", "positioned": True}})
    await asyncio.sleep(0)
    link.cut()
    await publish(link, 1, channel="b")
    link.heal(["b"])
    link.answering.set()
    await link.world.turn()

    (reply,) = client.received()
    assert reply["error"]["message"] == "conflict"
    assert reply["error"]["temporary"]


async def test_loss_is_said_to_a_newcomer_that_read_history_before_others(link: LossyLink, client: Client) -> None:
    """Where nothing of a stream has come yet, it is filled from where its subscribers are, which may be further."""
    client.call("subscribe", channel="b")
    answering = link.answering = asyncio.Event()
    early, late = link.world.connect(), link.world.connect()
    early.send({"id": 50, "subscribe": {"channel": "b", "positioned": True}})
    await link.world.turn()
    link.cut()
    await publish(link, 1, channel="b")
    link.answering = None
    assert late.call("subscribe", channel="b", positioned=True)["subscribe"]["offset"] == 1
    link.heal(["b"])
    await link.world.turn()
    answering.set()
    await link.world.turn()

    assert [one["error"]["message"] for one in early.received() if one.get("id") == 50] == ["conflict"]
    await publish(link, 2, channel="b")
    assert await numbers(late) == [2]


async def test_newcomer_is_told_what_was_not_held_for_somebody_who_left(link: LossyLink, client: Client) -> None:
    """What is to be read again is not held, and nobody reads it for a subscription that is just being made."""
    await publish(link, 1)
    waking, link.failures = asyncio.Event(), 1
    link.handler._sleep = lambda seconds: waking.wait()
    link.heal()
    await link.world.turn()
    link.heal()
    client.call("unsubscribe", channel="a")
    link.answering = asyncio.Event()
    client.send({"id": 50, "subscribe": {"channel": "a", "positioned": True}})
    await link.world.turn()
    await publish(link, 2)
    waking.set()
    await link.world.turn()
    link.answering.set()
    await link.world.turn()

    assert [one["error"]["message"] for one in client.received() if one.get("id") == 50] == ["conflict"]
    assert len(link.handler) == 0


async def test_newcomer_does_not_take_the_old_stream_for_the_new_one(link: LossyLink, client: Client) -> None:
    """It read that the stream began anew; what comes late of the old one has offsets that fit, and is another's."""
    link.late = []
    await publish(link, 1)
    store = link.inner._history
    store._drop(store._streams["a"])
    answering = link.answering = asyncio.Event()
    newcomer, other = link.world.connect(), link.world.connect()
    newcomer.send({"id": 50, "subscribe": {"channel": "a", "positioned": True}})
    await link.world.turn()
    link.arrive()
    link.answering = None
    assert other.call("subscribe", channel="a", positioned=True)["subscribe"]["positioned"]
    answering.set()
    await link.world.turn()

    assert [one["error"]["message"] for one in newcomer.received() if one.get("id") == 50] == ["conflict"]
    assert [one["unsubscribe"]["code"] for one in await client.pushes() if "unsubscribe" in one] == [2500]


async def test_what_was_read_ahead_is_forgotten_when_the_link_has_passed_it(link: LossyLink, client: Client) -> None:
    """Channels come and go by the million."""
    await publish(link, 1)
    link.cut()
    await publish(link, 2)
    link.heal()
    await client.pushes()
    assert link.handler._ahead
    await publish(link, 3)

    assert await numbers(client) == [3]
    assert not link.handler._ahead


async def test_publication_without_history_is_never_held(link: LossyLink, client: Client) -> None:
    """It has no place in the stream, and nothing to wait for."""
    await publish(link, 1)
    link.gate = asyncio.Event()
    link.handler.on_resumed(["a"])
    await link.inner.publish("a", Publication(Raw(b"0")), PublishOptions())

    assert await numbers(client) == [1, 0]
    link.gate.set()
    assert await numbers(client) == []


async def test_channel_nobody_follows_is_not_filled(link: LossyLink) -> None:
    """Without a position nobody could tell what is missing."""
    await publish(link, 1)
    link.handler.on_resumed(["a"])

    assert link.reads == 0


async def test_namespace_may_have_publications_without_the_broker(make_world: MakeWorld) -> None:
    """While the broker is away a namespace that allows it delivers to its own instance; others get an error."""
    without = {**EVERYTHING, "history_size": 0, "history_ttl": 0, "deliver_without_broker": True}
    namespaces = [{"name": "live", **without}, {"name": "kept", **EVERYTHING, "deliver_without_broker": True}]
    world = await make_world(wrap=LossyLink, channel={"without_namespace": EVERYTHING, "namespaces": namespaces})
    client = world.connect()
    for channel in ("live:1", "kept:1"):
        client.call("subscribe", channel=channel)
    await client.pushes()
    world.broker.is_up = False
    assert "publish" in await client.ask("publish", channel="live:1", data=1)
    refused = await client.ask("publish", channel="kept:1", data=1)

    assert refused["error"] == {"code": 100, "message": "broker_unavailable", "temporary": True}
    assert [push["pub"]["data"] for push in await client.pushes()] in ([1], [])


async def test_stream_that_goes_on_in_another_epoch_is_left_to_the_clients(link: LossyLink, client: Client) -> None:
    """An imported stream may answer for an older epoch: who is there recovers by itself, and nothing comes twice."""
    await publish(link, 1)
    await numbers(client)
    link.cut()
    link.renamed = "imported"
    link.heal()

    (push,) = await client.pushes()
    assert push["unsubscribe"]["code"] == 2500
