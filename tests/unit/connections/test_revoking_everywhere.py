from __future__ import annotations

import asyncio

import msgspec
import pytest

from holdfast.auth.revocation import Revocation
from holdfast.connections.revoking import Order
from holdfast.connections.revoking_everywhere import TABLE, Revoked, message_to_reread
from holdfast.errors import BrokerError
from tests.brokers import Clock
from tests.live import Client
from tests.pair import Instance, Pair, lone_cluster

ANNA = Order(user="anna", seconds=60, reason="left")


@pytest.fixture
async def pair(clock: Clock) -> Pair:
    """Two instances."""
    return await Pair(clock).start()


def knock(instance: Instance, user: str = "anna", **claims: object) -> Client:
    """Try to connect with a token, and return the client."""
    client = instance.open()
    client.send({"id": 1, "connect": {"token": instance.token(user, **claims)}})
    return client


async def test_revocation_holds_on_all_instances(pair: Pair) -> None:
    """The connections of all are closed and counted together, and the token opens no door."""
    clients = [pair.here.connect(), pair.there.connect(), pair.there.connect()]
    assert await pair.here.cluster.revoker.revoke(ANNA) == Revoked(3, [])

    assert {client.transport.closed for client in clients} == {(3500, "user_revoked")}
    assert knock(pair.there).transport.closed == (3500, "user_revoked")
    assert [one.reason for one in pair.there.validator.revocations()] == ["left"]


async def test_revocation_of_one_token_holds_on_all_instances(pair: Pair) -> None:
    """Its client is told to fetch another one."""
    client, other = pair.there.connect(jti="a"), pair.there.connect(jti="b")
    assert await pair.here.cluster.revoker.revoke(Order(jti="a", seconds=60)) == Revoked(1, [])

    assert client.transport.closed == (3005, "token_revoked")
    assert other.transport.closed is None


async def test_revocation_is_known_to_an_instance_that_starts_later(pair: Pair, clock: Clock) -> None:
    """As long as it is kept."""
    await pair.here.cluster.revoker.revoke(ANNA)
    await pair.here.cluster.revoker.revoke(Order(jti="a", seconds=600))
    third = await pair.join("third")
    assert knock(third).transport.closed == (3500, "user_revoked")
    refused = knock(third, "bob", jti="a")
    assert refused.received()[0]["error"]["code"] == 109

    clock.advance(61)
    fourth = await pair.join("fourth")
    assert [one.name for one in fourth.validator.revocations()] == ["a"]


async def test_revocation_is_taken_over_after_an_interruption(pair: Pair, clock: Clock) -> None:
    """Who came before it has to go; who came after it, unhindered, must show that the token is a later one."""
    before, token = pair.there.connect(), pair.there.connect("carl", jti="a")
    pair.kill(pair.there)
    for order in (ANNA, Order(jti="a", seconds=60)):
        revoking = asyncio.ensure_future(pair.here.cluster.revoker.revoke(order))
        for _ in range(20):
            await asyncio.sleep(0)
        pair.here.timers.ring()
        assert (await revoking).missing == ["there"]
    clock.advance(1)
    after, other = pair.there.connect(), pair.there.connect("bob")
    pair.exchange.cut_off.clear()
    pair.there.cluster.on_resumed()
    await pair.there.cluster.nodes.try_beat()

    assert before.transport.closed == (3500, "user_revoked")
    assert token.transport.closed == after.transport.closed == (3005, "token_revoked")
    assert other.transport.closed is None


async def test_revocation_is_taken_over_once(pair: Pair, clock: Clock) -> None:
    """A later interruption does not hit those who came with a later token."""
    await pair.here.cluster.revoker.revoke(ANNA)
    clock.advance(1)
    again = pair.there.connect(iat=int(clock()))
    pair.there.cluster.on_resumed()
    await pair.there.cluster.nodes.try_beat()

    assert again.transport.closed is None


async def test_revocation_without_a_broker(pair: Pair) -> None:
    """It holds here, the answer says that it is not kept, and the others hear of it when the broker is back."""
    pair.kill(pair.here)
    assert await pair.here.cluster.revoker.revoke(ANNA) == Revoked(0, [], is_kept=False)
    assert knock(pair.here).transport.closed == (3500, "user_revoked")

    pair.exchange.cut_off.clear()
    await pair.here.cluster.nodes.try_beat()
    await pair.here.turn()
    assert list(await pair.exchange.memory.tables.read(TABLE)) == ["user:anna"]
    assert knock(pair.there).transport.closed == (3500, "user_revoked")


async def test_instance_that_could_not_read_tries_again(pair: Pair) -> None:
    """A broker that is away at the first look is looked at again with each heartbeat."""
    await pair.here.cluster.revoker.revoke(ANNA)
    pair.exchange.cut_off.add("third")
    third = await pair.join("third")
    assert third.validator.revocations() == []

    pair.exchange.cut_off.clear()
    await third.cluster.nodes.try_beat()
    assert [one.name for one in third.validator.revocations()] == ["anna"]


async def test_shorter_revocation_does_not_shorten_a_longer_one(pair: Pair, clock: Clock) -> None:
    """What is kept is the longer of both."""
    await pair.here.cluster.revoker.revoke(Order(user="anna", seconds=600))
    await pair.there.cluster.revoker.revoke(Order(user="anna", seconds=60))
    clock.advance(100)
    third = await pair.join("third")

    assert [one.kept_until for one in third.validator.revocations()] == [clock() + 500]


async def test_revocation_that_the_broker_lost_is_kept_again(pair: Pair) -> None:
    """Whoever still knows it puts it back after an interruption, for those that start later."""
    await pair.here.cluster.revoker.revoke(ANNA)
    await pair.exchange.memory.tables.remove(TABLE, "user:anna")
    for instance in (pair.here, pair.there):
        instance.core.delivery.on_resumed(())
        for _ in range(2):
            await instance.cluster.nodes.try_beat()
    third = await pair.join("third")

    assert [one.name for one in third.validator.revocations()] == ["anna"]


async def test_channels_that_are_delivered_again_are_nothing_to_it(pair: Pair) -> None:
    """Messages travel by themselves: the table is read again only where those may have been lost."""
    pair.there.core.delivery.on_resumed(["news"])
    await pair.there.cluster.nodes.try_beat()

    assert not pair.there.cluster.revoker._is_behind
    pair.there.core.delivery.on_resumed(())
    assert pair.there.cluster.revoker._is_behind


async def test_list_that_is_full_elsewhere(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer names the instance that could not take it, which says so too."""

    def full(**_: object) -> None:
        raise OverflowError("full")

    monkeypatch.setattr(pair.there.validator, "revoke", full)
    assert (await pair.here.cluster.revoker.revoke(ANNA)).missing == ["there"]
    pair.there.cluster.on_resumed()
    await pair.there.cluster.nodes.try_beat()

    assert capsys.readouterr().err.count("revocation_lost") == 2


async def test_rows_that_are_no_revocations(pair: Pair) -> None:
    """They are passed over."""
    await pair.exchange.memory.tables.put(TABLE, "user:x", b"no", 60)
    await pair.here.cluster.revoker.revoke(ANNA)
    third = await pair.join("third")

    assert [one.name for one in third.validator.revocations()] == ["anna"]


async def test_revocation_of_an_instance_alone(clock: Clock) -> None:
    """It keeps nothing in tables and asks nobody."""
    world = (await Pair(clock).start()).here
    world.broker.is_shared = False
    cluster = lone_cluster(world)
    world.connect()

    assert await cluster.revoker.revoke(ANNA) == Revoked(1, [])
    assert await world.broker.read(TABLE) == {}


async def test_many_revocations_are_shared_a_part_at_a_time(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats do not wait for all of them; who reads them all lets others have their turn between."""
    monkeypatch.setattr("holdfast.connections.revoking_everywhere._SLICE", 2)
    pair.kill(pair.here)
    for number in range(5):
        await pair.here.cluster.revoker.revoke(Order(jti=str(number), seconds=60))
    pair.exchange.cut_off.clear()
    kept = []
    for _ in range(3):
        await pair.here.cluster.nodes.try_beat()
        kept.append(len(await pair.exchange.memory.tables.read(TABLE)))
    await pair.here.turn()

    assert kept == [2, 4, 5]
    assert len(pair.there.validator.revocations()) == 5


async def test_many_revocations_are_taken_over_a_part_at_a_time(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop turns between: a hundred thousand after a restart of the broker must not hold up everybody."""
    monkeypatch.setattr("holdfast.connections.revoking_everywhere._SLICE", 2)
    monkeypatch.setattr("holdfast.connections.revoking._SLICE", 2)
    client = pair.there.connect("user-9")
    pair.kill(pair.there)
    for number in range(10):
        revoking = asyncio.ensure_future(pair.here.cluster.revoker.revoke(Order(user=f"user-{number}", seconds=60)))
        await pair.here.turn()
        pair.here.timers.ring()
        await revoking
    pair.exchange.cut_off.clear()
    revoker = pair.there.cluster.revoker
    revoker.fall_behind()
    turns, reading = 0, asyncio.ensure_future(revoker.catch_up())
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 3 * 10 // 2
    assert len(pair.there.validator.revocations()) == 10
    assert client.transport.closed == (3500, "user_revoked")
    assert not revoker._unshared


async def test_ended_revocations_are_not_shared_again(pair: Pair, clock: Clock) -> None:
    """They are in no table any more, which is no loss, and nobody is called to read."""
    await pair.here.cluster.revoker.revoke(ANNA)
    clock.advance(61)
    revoker = pair.here.cluster.revoker
    revoker.fall_behind()
    await revoker.catch_up()

    assert not revoker._unshared


async def test_revocation_whose_sharing_is_interrupted_again(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be read is read with the next heartbeat, and the call for reading is not missed for ever."""
    await pair.here.cluster.revoker.revoke(ANNA)
    revoker = pair.there.cluster.revoker
    revoker.fall_behind()
    pair.kill(pair.there)
    with pytest.raises(BrokerError):
        await revoker.catch_up()
    assert revoker._is_behind
    await revoker._call_for_reading()

    pair.exchange.cut_off.clear()
    await revoker.catch_up()
    assert not revoker._is_behind


async def test_revocation_that_ended_before_it_could_be_shared(pair: Pair, clock: Clock) -> None:
    """It is forgotten."""
    pair.kill(pair.here)
    await pair.here.cluster.revoker.revoke(ANNA)
    pair.exchange.cut_off.clear()
    clock.advance(61)
    await pair.here.cluster.nodes.try_beat()

    assert await pair.exchange.memory.tables.read(TABLE) == {}


async def test_revocations_of_an_import_are_read(pair: Pair) -> None:
    """A message of somebody who is no instance lets all read the table; nobody answers it."""
    end = pair.here.core.wall_clock() + 60
    entry = Revocation("user", "anna", end, 1.0, "left")
    await pair.here.core.broker.tables.put(TABLE, "user:anna", msgspec.msgpack.encode(entry), 60)
    await pair.here.core.broker.send(message_to_reread())
    for _ in range(20):
        await asyncio.sleep(0)

    assert [one.name for one in pair.there.validator.revocations()] == ["anna"]
