from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from holdfast.broker.redis_connect import Address
from holdfast.broker.redis_keys import slot_of
from holdfast.broker.redis_topology import ClusterTopology, SentinelTopology, SingleTopology, make_topology
from holdfast.errors import BrokerError
from holdfast.settings_broker import RedisSettings

A, B = Address("a", 1), Address("b", 2)
CLUSTER = RedisSettings(mode="cluster", addresses=("a:1", "b:2"))
HALVES = [[0, 8191, [b"a", 1, b"id"], [b"c", 3, b"id"]], [8192, 16383, [b"", 2, b"id"]]]


async def test_single_server_has_every_key():
    """There is nothing to find out."""

    async def ask(address: Address, words: str) -> Any:
        raise AssertionError("nobody has to be asked")

    topology = make_topology(RedisSettings(addresses=("a:1",)), ask)
    assert isinstance(topology, SingleTopology)
    topology.forget(A)
    topology.move(1, B)
    await topology.refresh()
    assert await topology.recheck() is None
    await topology.close()

    assert (topology.address_of(b"x"), list(topology.addresses())) == (A, [A])


async def test_cluster_is_told_by_any_node_that_answers():
    """Nodes that do not answer are passed over; an empty host is the one that was asked."""
    asked: list[Address] = []

    async def ask(address: Address, words: str) -> Any:
        asked.append(address)
        if address == A:
            raise BrokerError("broker_timeout")
        return HALVES

    topology = make_topology(CLUSTER, ask)
    assert topology.address_of(b"x") is None
    await topology.refresh()
    await topology.refresh()

    assert asked == [A, B]
    assert {topology.address_of(b"%d" % number) for number in range(20)} == {A, B} == set(topology.addresses())


async def test_cluster_follows_a_slot_that_moved_and_asks_again_when_a_node_is_gone():
    """A redirection is believed for its slot; after a failure nothing is of the node that failed."""

    async def ask(address: Address, words: str) -> Any:
        return HALVES

    topology = ClusterTopology(CLUSTER, ask)
    await topology.refresh()
    assert await topology.recheck() is None
    topology.move(slot_of(b"x"), Address("d", 4))
    assert topology.address_of(b"x") == Address("d", 4)

    topology.forget(Address("d", 4))
    assert topology.address_of(b"x") is None
    await topology.refresh()
    assert topology.address_of(b"x") is not None
    await topology.close()


async def test_cluster_serves_the_other_slots_while_a_node_is_gone():
    """Whoever has to do with the one that is gone waits for it alone, and it is asked last."""
    asked: list[Address] = []

    async def ask(address: Address, words: str) -> Any:
        asked.append(address)
        return [[0, 8191, [b"a", 1, b"id"]], [8192, 16383, [b"b", 2, b"id"]]]

    topology = ClusterTopology(CLUSTER, ask)
    await topology.refresh()
    names = [b"%d" % number for number in range(20)]
    before = {name: topology.address_of(name) for name in names}
    asked.clear()
    for gone, other in ((A, B), (B, A)):
        topology.forget(gone)
        assert {name: topology.address_of(name) for name in names if before[name] == other} == {
            name: other for name in names if before[name] == other
        }
        assert {topology.address_of(name) for name in names if before[name] == gone} == {None}
        await topology.refresh()
        await topology.refresh()
        assert {name: topology.address_of(name) for name in names} == before

    assert asked == [B, A]


async def test_cluster_is_asked_again_for_slots_that_nobody_had():
    """Once for all who wait; one that is just being made must not need a failure to be found complete."""
    asked: list[Address] = []

    async def ask(address: Address, words: str) -> Any:
        asked.append(address)
        await asyncio.sleep(0)
        return HALVES[: len(asked)]

    topology = ClusterTopology(CLUSTER, ask)
    await topology.refresh()
    names = [b"%d" % number for number in range(20)]
    assert {topology.address_of(name) for name in names} == {A, None}
    await asyncio.gather(*(topology.refresh() for _ in range(5)))
    await topology.refresh()

    assert len(asked) == 2
    assert None not in {topology.address_of(name) for name in names}


async def test_cluster_without_any_node_says_why():
    """The cause of the last failure is told, and nothing was done."""

    async def ask(address: Address, words: str) -> Any:
        raise BrokerError("broker_auth_failed")

    with pytest.raises(BrokerError, match="broker_auth_failed") as failure:
        await ClusterTopology(CLUSTER, ask).refresh()
    assert failure.value.is_undone


def state(host: str, port: int, epoch: int = 1, *, is_down: bool = False) -> dict[str, Any]:
    """Return what a sentinel says of its masters."""
    told = {"ip": host, "port": port, "config-epoch": epoch, "num-other-sentinels": 2}
    return {"mymaster": {**told, "is_master": True, "is_sdown": is_down, "is_odown": False}}


async def test_sentinels_that_name_no_master_say_why(monkeypatch: pytest.MonkeyPatch):
    """What became of each question stands in one line, without what a library makes of it; one who knows is enough."""
    topology = SentinelTopology(RedisSettings(mode="sentinel", addresses=("s:1", "s:2", "s:3", "s:4")))
    answers: list[Any] = [AuthenticationError("WRONGPASS"), TimeoutError(), {}, state("a", 1, is_down=True)]
    for sentinel, answer in zip(list(topology._sentinel.sentinels), answers, strict=True):

        async def masters(answer: Any = answer) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(sentinel, "sentinel_masters", masters)
    with pytest.raises(BrokerError) as failure:
        await topology.refresh()
    answers[3]["mymaster"]["is_sdown"] = False
    await topology.refresh()

    assert (failure.value.slug, failure.value.is_undone) == ("broker_auth_failed", True)
    assert failure.value.detail == (
        "no sentinel names a master 'mymaster': s:1: WRONGPASS; s:2: Redis did not answer in time; "
        "s:3: it knows no such name; s:4: it calls the master down"
    )
    assert topology.address_of(b"x") == A
    await topology.close()


async def test_sentinels_are_asked_for_the_master_until_it_fails(monkeypatch: pytest.MonkeyPatch):
    """One question for all who wait, and another after a failure."""
    topology = SentinelTopology(RedisSettings(mode="sentinel", addresses=("s:1",)))
    answers: list[Any] = [state("a", 1), RedisConnectionError("nobody there"), state("b", 2)]

    async def masters() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(topology._sentinel.sentinels[0], "sentinel_masters", masters)
    await topology.refresh()
    await topology.refresh()
    assert (topology.address_of(b"x"), list(topology.addresses())) == (A, [A])
    topology.move(1, B)
    topology.forget(A)
    assert (topology.address_of(b"x"), list(topology.addresses())) == (None, [])
    with pytest.raises(BrokerError, match="broker_unavailable"):
        await topology.refresh()
    await topology.refresh()
    assert topology.address_of(b"x") == B
    await topology.close()


@pytest.mark.parametrize(
    ("answers", "left", "then"),
    [
        ([("a", 1, 3), ("a", 1, 3)], None, A),
        ([("a", 1, 3), ("b", 2, 4)], A, B),
        ([("b", 2, 2), ("a", 1, 3)], None, A),
        ([None, None], None, A),
    ],
)
async def test_newest_decision_of_the_sentinels_counts(
    answers: list[tuple[str, int, int] | None],
    left: Address | None,
    then: Address,
    monkeypatch: pytest.MonkeyPatch,
):
    """A master that was replaced is left though it goes on as one; one sentinel that knows less changes nothing."""
    topology = SentinelTopology(RedisSettings(mode="sentinel", addresses=("s:1", "s:2")))

    first = topology._sentinel.sentinels[0]
    with monkeypatch.context() as before:
        before.setattr(first, "sentinel_masters", AsyncMock(return_value=state("a", 1)))
        assert await topology.recheck() is None
        await topology.refresh()
    for sentinel, answer in zip(topology._sentinel.sentinels, answers, strict=True):

        async def masters(answer: Any = answer) -> Any:
            if answer is None:
                raise RedisConnectionError("nobody there")
            return state(*answer)

        monkeypatch.setattr(sentinel, "sentinel_masters", masters)

    assert (await topology.recheck(), topology.address_of(b"x")) == (left, then)
    await topology.close()
