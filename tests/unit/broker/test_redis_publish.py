from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.broker.base import PublishOptions, PublishResult
from holdfast.broker.redis_keys import Keys
from holdfast.broker.redis_link import RUN, Script
from holdfast.broker.redis_publish import Confirmations, Publisher
from holdfast.broker.redis_scripts import PUBLISH, SEND
from holdfast.broker.redis_seen import Seen, SeenPositions
from holdfast.errors import BrokerError
from holdfast.protocol.messages import StreamPosition
from holdfast.settings_broker import RedisSettings
from tests.brokers import publication

KEEP = PublishOptions(history_size=5, history_ttl=60, history_meta_ttl=600)


class Wire:
    """Answers WAIT."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []

    async def call(self, *command: Any) -> Any:
        """Answer."""
        self.asked.append(command)
        await asyncio.sleep(0)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Link:
    """Answers each script the same."""

    def __init__(self, reply: list[Any]) -> None:
        self.settings = RedisSettings()
        self.keys = Keys("p")
        self.publish_command = "PUBLISH"
        self.reply = reply
        self.ran: list[tuple[Script, list[bytes], list[Any]]] = []
        self.lanes: list[str] = []
        self.wire = Wire(1)

    async def run_script(self, script: Script, keys: list[bytes], args: list[Any]) -> Any:
        """Answer."""
        self.ran.append((script, keys, args))
        return self.reply

    async def evaluate(self, wire: Wire, script: Script, keys: list[bytes], args: list[Any]) -> Any:
        """Answer."""
        return await self.run_script(script, keys, args)

    async def attempt(self, key: bytes, lane: str, send: Any, *, is_write: bool) -> Any:
        """Answer."""
        self.lanes.append(lane)
        return await send(self.wire)


def publisher(link: Link, seen: SeenPositions | None = None, suspects: list[object] | None = None) -> Publisher:
    """Return a publisher on a link."""
    suspected: list[object] = suspects if suspects is not None else []
    return Publisher(link, seen or SeenPositions(), 300, lambda *position: suspected.append(position))


async def test_publication_is_one_script_on_the_keys_of_its_channel():
    """What its options ask for stands in the arguments, and what was seen before."""
    link, seen = Link([b"7", b"epoch", 0, b"run"]), SeenPositions()
    seen.note("news", Seen("epoch", 6, b"run"))
    one = publication("1")
    options = PublishOptions(5, 60, 600, idempotency_key="k", idempotency_ttl=2, version=3, use_delta=True)

    result = await publisher(link, seen).publish("news", one, options)

    assert (result, one.offset) == (PublishResult(StreamPosition(7, "epoch")), 7)
    ((script, keys, args),) = link.ran
    assert (script, keys) == (PUBLISH, [b"p:{news}:s", b"p:{news}:m", b"p:{news}:i:k"])
    assert args[1:4] == [b"p:{news}", "PUBLISH", RUN]
    assert args[5:] == [5, 60000, 600000, 1, "3", "", 2000, 0, "epoch", 6, b"run"]
    assert seen.get("news").offset == 7


async def test_publication_without_history_has_a_script_of_its_own():
    """It has no stream and no position."""
    link = Link([b"0", b"", 0, b""])

    result = await publisher(link).publish("news", publication("1"), PublishOptions())

    assert result.position == StreamPosition(0, "")
    assert link.ran[0][:2] == (SEND, [b"p:{news}:m"])


async def test_suppressed_publication_says_so_and_is_not_seen():
    """The first one's position comes back; how far the stream is now it does not tell."""
    link, seen = Link([b"3", b"epoch", 1, b""]), SeenPositions()

    result = await publisher(link, seen).publish("news", publication("1"), KEEP)

    assert result == PublishResult(StreamPosition(3, "epoch"), suppressed=True)
    assert seen.get("news").offset == 0


async def test_publication_under_another_run_makes_its_channel_suspect():
    """Its master may have come back older."""
    link, seen, suspects = Link([b"7", b"epoch", 0, b"new"]), SeenPositions(), []
    seen.note("news", Seen("epoch", 6, b"old"))

    await publisher(link, seen, suspects).publish("news", publication("1"), KEEP)

    assert suspects == [("news", Seen("epoch", 7, b"new"))]


async def test_durable_publication_waits_for_replicas_in_a_lane_of_its_own():
    """Without them the publisher is told, and that it may have had effect."""
    link = Link([b"7", b"epoch", 0, b"run"])
    options = PublishOptions(5, 60, durability=2)
    with pytest.raises(BrokerError, match="durability_not_met") as refused:
        await publisher(link).publish("news", publication("1"), options)

    assert not refused.value.is_undone
    link.wire = Wire(2)
    assert (await publisher(link).publish("news", publication("1"), options)).position.offset == 7
    assert link.lanes == ["wait 2", "wait 2"]
    assert link.wire.asked == [("WAIT", 2, 1000)]


async def test_one_wait_stands_for_all_that_were_written_before_it():
    """Those that come while it waits share the next."""
    wire, confirmations = Wire(1, 1), Confirmations(1)
    early = [asyncio.ensure_future(confirmations.confirm(wire, 1)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    late = [asyncio.ensure_future(confirmations.confirm(wire, 1)) for _ in range(3)]

    await asyncio.gather(*early, *late)

    assert len(wire.asked) == 2
    assert not confirmations._next
    assert not confirmations._asked


async def test_wait_that_fails_does_not_make_the_publication_undone():
    """It is never sent a second time."""
    wire = Wire(BrokerError("broker_unavailable", is_undone=True))

    with pytest.raises(BrokerError, match="durability_not_met") as refused:
        await Confirmations(1).confirm(wire, 1)
    assert not refused.value.is_undone
