from __future__ import annotations

import asyncio
from random import Random

import msgspec
import pytest

from holdfast.connections.nodes import TABLE, Node, Nodes
from tests.brokers import Clock
from tests.pair import Exchange, Instance, Pair, PairBroker


@pytest.fixture
async def pair(clock: Clock) -> Pair:
    """Two instances that know each other."""
    return await Pair(clock, broker={"node_ttl": 10}).start()


def nodes_of(instance: Instance) -> Nodes:
    """Return an instance's registry."""
    return instance.cluster.nodes


async def test_nodes_tell_of_each_other(pair: Pair) -> None:
    """Each instance is listed with what it says of itself; the own part is as it is now."""
    pair.here.connect()
    found = await nodes_of(pair.here).read()
    seen = await nodes_of(pair.there).others()

    assert list(found) == ["here", "there"]
    assert (found["here"].connections, seen["here"].connections) == (1, 0)
    assert seen["here"].uid == pair.here.cluster.bus.uid
    assert list(seen) == ["here"]
    assert nodes_of(pair.here).by_phase() == {"serving": 2}
    assert nodes_of(pair.here).serving() == {"here": 1, "there": 0}
    assert (nodes_of(pair.here).is_known("there"), nodes_of(pair.here).is_known("here")) == (True, False)


async def test_node_that_was_killed_is_gone_by_itself(pair: Pair, clock: Clock) -> None:
    """Its entry ends when as long no heartbeat came as the settings say."""
    pair.kill(pair.there)
    clock.advance(9)
    assert not await nodes_of(pair.there).try_beat()
    assert list(await nodes_of(pair.here).others()) == ["there"]
    clock.advance(1)

    assert list(await nodes_of(pair.here).others()) == []
    assert not nodes_of(pair.here).is_known("there")


async def test_numbers_of_others_are_not_known_while_the_broker_is_away(pair: Pair) -> None:
    """Nobody is sent to an instance that may be gone since."""
    nodes = nodes_of(pair.here)
    await nodes.try_beat()
    pair.kill(pair.here)
    assert not await nodes.try_beat()
    assert nodes.serving() == {}
    assert nodes.is_known("there")

    pair.exchange.cut_off.clear()
    assert await nodes.try_beat()
    assert nodes.serving() == {"here": 0, "there": 0}


async def test_node_that_stops_is_gone_at_once(pair: Pair) -> None:
    """It takes its entry along; with a broker that is away it stops all the same."""
    await pair.there.cluster.stop()
    assert list(await nodes_of(pair.here).others()) == []

    pair.kill(pair.here)
    await pair.here.cluster.stop()


async def test_heartbeats_come_thrice_in_a_ttl_and_at_different_times(clock: Clock) -> None:
    """Two may be lost; and instances that started together do not stay together."""
    nodes = Nodes(PairBroker(Exchange(clock), "x"), Node, 9.0, Random(1))
    pauses = [nodes._pause() for _ in range(100)]

    assert max(pauses) <= 3.0
    assert min(pauses) >= 2.4
    assert len(set(pauses)) > 90


async def test_run_beats_when_something_changed(pair: Pair) -> None:
    """Others hear of a phase without waiting for the next heartbeat, and a cancellation ends it at once."""
    running = asyncio.ensure_future(nodes_of(pair.there).run())
    pair.there.describe_as = {"phase": "draining"}
    nodes_of(pair.there).hurry()
    for _ in range(20):
        await asyncio.sleep(0)
    found = await nodes_of(pair.here).others()
    nodes_of(pair.there).hurry()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert found["there"].phase == "draining"
    assert running.cancelled()


async def test_run_does_not_spin(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is hurried, heartbeats leave the broker time; one that failed is soon tried again."""
    pauses: list[float] = []
    nodes = nodes_of(pair.there)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    async def hurry() -> None:
        nodes.hurry()

    nodes.on_beat.append(hurry)
    monkeypatch.setattr("holdfast.connections.nodes.asyncio.sleep", sleep)
    nodes.hurry()
    with pytest.raises(asyncio.CancelledError):
        await nodes.run()

    assert max(pauses) <= 0.5
    assert len(set(pauses)) == 3


async def test_beat_that_fails(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """A broker that is away makes no noise, a fault of ours is logged; neither ends the heartbeats."""
    pair.kill(pair.here)
    assert not await nodes_of(pair.here).try_beat()
    assert capsys.readouterr().err == ""
    pair.exchange.cut_off.clear()

    async def fail() -> None:
        raise RuntimeError("a bug")

    nodes_of(pair.here).on_beat.append(fail)
    assert not await nodes_of(pair.here).try_beat()
    assert "heartbeat_failed" in capsys.readouterr().err


async def test_double_name_is_noticed_by_both(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """Of two live processes with one name each says so, once; the one that stops leaves the other its entry."""
    twin = await pair.join("here")
    for _ in range(2):
        await nodes_of(pair.here).beat()
        await nodes_of(twin).beat()
    said = capsys.readouterr().err
    await nodes_of(twin).leave()

    assert said.count("instance_name_taken") == 2
    assert "here" in await pair.there.cluster.nodes.others()

    for _ in range(8):
        await nodes_of(pair.here).beat()
    assert capsys.readouterr().err.count("instance_name_free") == 1


async def test_name_of_a_process_that_was_killed_is_free(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """What it left behind is no double."""
    pair.exchange.handlers.pop("there")
    again = await pair.join("there")
    await nodes_of(again).beat()

    assert "instance_name_taken" not in capsys.readouterr().err
    assert (await nodes_of(pair.here).others())["there"].uid == again.cluster.bus.uid


@pytest.mark.parametrize("row", [b"", b"no", b"\xc1", msgspec.msgpack.encode({"connections": "many"})])
async def test_entry_that_cannot_be_read(pair: Pair, row: bytes) -> None:
    """Somebody is there, of whom only the name is known."""
    await pair.exchange.memory.tables.put(TABLE, "odd", row, 10)

    assert (await nodes_of(pair.here).others())["odd"] == Node(name="odd")


async def test_entry_of_a_newer_instance(pair: Pair) -> None:
    """Fields that are unknown are ignored."""
    row = msgspec.msgpack.encode({"uid": "u", "phase": "serving", "mood": "good"})
    await pair.exchange.memory.tables.put(TABLE, "newer", row, 10)

    assert (await nodes_of(pair.here).others())["newer"].phase == "serving"


async def test_changes_are_logged(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """Who came and who went, once each."""
    third = await pair.join("third")
    await nodes_of(pair.here).beat()
    await third.cluster.stop()
    await nodes_of(pair.here).beat()
    await nodes_of(pair.here).beat()
    lines = [line for line in capsys.readouterr().err.splitlines() if '"third"' in line and "nodes" in line]

    assert sum("instance_joined" in line for line in lines) == 1
    assert sum("instance_gone" in line for line in lines) == 1
