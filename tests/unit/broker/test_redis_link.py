from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from redis._parsers.base import BaseParser

from holdfast.broker import redis_link
from holdfast.broker.redis_link import RUN, RedisLink, Script
from holdfast.broker.redis_wire import Server
from holdfast.errors import BrokerError
from holdfast.settings_broker import RedisSettings
from tests.brokers import LoopClock


class FakeWire:
    """A connection whose answers are made by a function of the command."""

    def __init__(self, answer: Callable[[tuple[Any, ...]], Any]) -> None:
        self.server = Server("7.0.0", b"run1", True)
        self.failure: BrokerError | None = None
        self.commands: list[tuple[Any, ...]] = []
        self._answer = answer

    def call(self, *command: Any) -> asyncio.Future[Any]:
        """Answer."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.commands.append(command)
        answer = self._answer(command)
        if isinstance(answer, str):
            future.set_exception(BaseParser.parse_error(answer))
        else:
            future.set_result(answer)
        return future

    def drop(self, error: BrokerError) -> None:
        """Fail."""
        self.failure = error

    async def close(self) -> None:
        """Close."""


def link_to(monkeypatch: pytest.MonkeyPatch, *wires: FakeWire, mode: str = "single") -> RedisLink:
    """Return a link whose connections are these, one after the other."""
    waiting = list(wires)
    link = RedisLink(RedisSettings(mode=mode, addresses=("a:1",)), pick=lambda: 0.0)

    async def open_(address: Any) -> FakeWire:
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]

    monkeypatch.setattr(link, "_open", open_)
    return link


async def test_script_is_named_and_sent_where_it_is_unknown(monkeypatch: pytest.MonkeyPatch):
    """One command a call, unless the scripts were flushed; the run of the server stands where it was asked for."""
    wire = FakeWire(lambda command: "NOSCRIPT No matching script." if command[0] == "EVALSHA" else b"done")
    script = Script("return 1")

    assert await link_to(monkeypatch, wire).run_script(script, [b"k"], [RUN, 2]) == b"done"
    assert wire.commands == [
        ("EVALSHA", script.sha, 1, b"k", b"run1", 2),
        ("EVAL", b"return 1", 1, b"k", b"run1", 2),
    ]


async def test_replica_that_was_master_is_left_and_the_command_repeated(monkeypatch: pytest.MonkeyPatch):
    """READONLY means that nothing was done, so the next connection gets it."""
    old = FakeWire(lambda command: "READONLY You can't write against a read only replica.")
    new = FakeWire(lambda command: b"done")

    assert await link_to(monkeypatch, old, new).run(b"k", "SET", b"k", b"v") == b"done"
    assert old.failure is not None


async def test_command_that_may_have_had_effect_is_not_repeated(monkeypatch: pytest.MonkeyPatch):
    """A publication must not be doubled."""
    wire = FakeWire(lambda command: "ERR something happened half way")
    with pytest.raises(BrokerError) as failure:
        await link_to(monkeypatch, wire).run(b"k", "SET", b"k", b"v")

    assert not failure.value.is_undone
    assert len(wire.commands) == 1


async def test_refusal_that_stays_is_told_at_once(monkeypatch: pytest.MonkeyPatch):
    """A full memory does not pass by itself in a second."""
    wire = FakeWire(lambda command: "OOM command not allowed when used memory > 'maxmemory'.")
    link = link_to(monkeypatch, wire)
    with pytest.raises(BrokerError, match="broker_out_of_memory"):
        await link.run(b"k", "SET", b"k", b"v")

    assert len(wire.commands) == 1
    assert link.outages.slug == "broker_out_of_memory"


async def test_full_redis_is_told_once_until_it_writes_again(monkeypatch: pytest.MonkeyPatch):
    """What only reads goes on meanwhile, and is no sign that it is over."""
    is_full = True

    def answer(command: tuple[Any, ...]) -> Any:
        return "OOM command not allowed" if is_full and command[1] == writing.sha else b"done"

    writing, reading = Script("#!lua\nreturn 1"), Script("return 2")
    link = link_to(monkeypatch, FakeWire(answer))
    with pytest.raises(BrokerError, match="broker_out_of_memory"):
        await link.run_script(writing, [b"k"])
    await link.run_script(reading, [b"k"])
    assert link.outages.slug == "broker_out_of_memory"
    is_full = False
    await link.run_script(writing, [b"k"])

    assert link.outages.slug == ""


async def test_long_outage_fails_at_once(monkeypatch: pytest.MonkeyPatch):
    """While it is young a command waits for its end, later nobody waits."""
    wire = FakeWire(lambda command: "READONLY replica")
    link = link_to(monkeypatch, wire)
    monkeypatch.setattr(link.outages, "age", lambda place: 5.0)

    with pytest.raises(BrokerError, match="broker_read_only"):
        await link.run(b"k", "SET", b"k", b"v")
    assert len(wire.commands) == 1


async def test_cluster_redirections_are_followed(monkeypatch: pytest.MonkeyPatch):
    """MOVED is believed, ASK is asked for once, and neither reaches the caller."""
    answers: list[Any] = [[[0, 16383, [b"a", 1, b"id"]]], "MOVED 1 b:2", "ASK 1 c:3", b"OK", b"done"]
    wire = FakeWire(lambda command: answers.pop(0))

    assert await link_to(monkeypatch, wire, mode="cluster").run(b"k", "GET", b"k") == b"done"
    assert [command[0] for command in wire.commands] == ["CLUSTER", "GET", "GET", "ASKING", "GET"]


async def test_script_is_sent_to_where_a_slot_is_moving_although_it_is_unknown_there(monkeypatch: pytest.MonkeyPatch):
    """Each command there has to be asked for by itself, or the server sends it back for as long as the slot moves."""
    slots = [[0, 16383, [b"a", 1, b"id"]]]
    answers: list[Any] = [slots, "ASK 1 c:3", b"OK", "NOSCRIPT No matching script.", b"OK", b"done"]
    wire = FakeWire(lambda command: answers.pop(0))

    assert await link_to(monkeypatch, wire, mode="cluster").run_script(Script("return 1"), [b"k"]) == b"done"
    said = [command[0] for command in wire.commands]
    assert said == ["CLUSTER", "EVALSHA", "ASKING", "EVALSHA", "ASKING", "EVAL"]


async def test_heartbeat_leaves_a_server_that_is_no_master_any_more(monkeypatch: pytest.MonkeyPatch):
    """The run is learnt anew with the next connection."""
    wire = FakeWire(lambda command: b"role:slave\r\nmaster_replid:run1")
    link, clock = link_to(monkeypatch, wire), LoopClock(monkeypatch)

    left = []
    link.on_distrust = left.append
    await link.start()
    await clock.advance(0)
    await clock.advance(redis_link.HEARTBEAT_SECONDS)

    assert wire.failure is not None
    assert str(left[0]) == "a:1"
    await link.stop()


async def test_heartbeat_survives_a_bug(monkeypatch: pytest.MonkeyPatch):
    """Without another one no outage would be seen to end."""
    link, clock = link_to(monkeypatch, FakeWire(lambda command: b"role:master")), LoopClock(monkeypatch)
    await link.start()
    beats: list[int] = []

    async def refresh() -> None:
        beats.append(len(beats))
        if len(beats) == 1:
            raise TypeError("a bug")

    monkeypatch.setattr(link.topology, "refresh", refresh)
    for _ in range(3):
        await clock.advance(redis_link.HEARTBEAT_SECONDS)
    assert len(beats) > 1
    await link.stop()


async def test_heartbeat_leaves_a_master_that_others_have_replaced(monkeypatch: pytest.MonkeyPatch):
    """What it says of itself does not count any more."""
    wire = FakeWire(lambda command: b"role:master\r\nmaster_replid:run1")
    link = link_to(monkeypatch, wire)
    address = await link.locate(b"")
    link._learn(address, b"run1")

    async def recheck() -> Any:
        return address

    monkeypatch.setattr(link.topology, "recheck", recheck)
    left = []
    link.on_distrust = left.append
    await link.start()

    assert left == [address]
    await link.stop()


async def test_start_without_redis_raises_nothing(monkeypatch: pytest.MonkeyPatch):
    """An instance starts, says why it is not ready, and heals by itself."""
    link = link_to(monkeypatch, FakeWire(lambda command: None))

    async def refuse(address: Any) -> Any:
        raise BrokerError("broker_auth_failed", is_undone=True)

    monkeypatch.setattr(link, "_open", refuse)
    await link.start()

    assert link.outages.slug == "broker_auth_failed"
    with pytest.raises(BrokerError, match="broker_auth_failed"):
        await link.run(b"k", "PING")
    await link.stop()


async def test_message_is_published(monkeypatch: pytest.MonkeyPatch):
    """Pub/sub of one server is plain, that of a cluster sharded."""
    wire = FakeWire(lambda command: 2)
    link = link_to(monkeypatch, wire)

    assert await link.publish(b"holdfast:all", b"m") == 2
    assert wire.commands == [("PUBLISH", b"holdfast:all", b"m")]
    await link.stop()


async def test_command_goes_to_one_master(monkeypatch: pytest.MonkeyPatch):
    """Whoever walks over all keys does so server by server, and is told of what fails there."""
    link = link_to(monkeypatch, FakeWire(lambda command: "ERR no" if command[0] == "BAD" else [b"0", []]))
    (address,) = await link.masters()

    assert address == ("a", 1)
    assert await link.call_at(address, "SCAN", b"0", lane="x") == [b"0", []]
    with pytest.raises(BrokerError):
        await link.call_at(address, "BAD")
    await link.stop()
