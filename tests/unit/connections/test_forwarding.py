from __future__ import annotations

import asyncio
from typing import Any

import pytest

from holdfast.connections.bus import reader
from holdfast.connections.bus_messages import Message
from holdfast.connections.forwarding import Forwarder
from holdfast.errors import BrokerError, CapacityError, DoorError, GatewayError
from tests.brokers import Clock
from tests.live import World
from tests.pair import Instance, Pair, lone_cluster

read_text = reader(str)


class Say(Message, tag="say", kw_only=True):
    """A request of the tests."""

    text: str


def forwarder_of(instance: Instance) -> Forwarder:
    """Return an instance's forwarder."""
    assert instance.cluster.forwarder is not None
    return instance.cluster.forwarder


def listen(instance: Instance) -> list[str]:
    """Let an instance answer, and return what it hears."""
    heard: list[str] = []

    async def answer(question: Say) -> str:
        heard.append(question.text)
        if question.text == "too much":
            raise CapacityError("command_rate_limit")
        return question.text

    instance.cluster.bus.answer(Say, answer)
    return heard


@pytest.fixture
async def pair(clock: Clock) -> Pair:
    """Two instances; `there` listens."""
    pair = await Pair(clock).start()
    listen(pair.there)
    return pair


async def ask(pair: Pair, text: str = "a", name: str = "there") -> str:
    """Ask from here."""
    return await forwarder_of(pair.here).ask(Say(text=text), name, read_text)


async def refusal(pair: Pair, name: str) -> GatewayError:
    """Return why there is no answer."""
    with pytest.raises(GatewayError) as caught:
        await ask(pair, name=name)
    return caught.value


async def test_question_reaches_the_named_instance(pair: Pair) -> None:
    """And its answer comes back, or what it refused it with."""
    assert await ask(pair, "a") == "a"
    assert [name for _, name in pair.exchange.sent] == ["there", "here"]
    with pytest.raises(CapacityError, match="command_rate_limit"):
        await ask(pair, "too much")


@pytest.mark.parametrize("name", ["", "here", "all", "*", "there\0", "to:there", "x" * 100_000, "{there}"])
async def test_name_that_is_not_listed_reaches_no_channel(pair: Pair, name: str) -> None:
    """A client may name what it likes: nothing is sent, and the answer comes at once and does not repeat it."""
    error = await refusal(pair, name)

    assert (type(error), error.slug) == (DoorError, "unknown_session")
    assert name == "" or name not in error.detail.split()
    assert pair.exchange.sent == []


async def test_names_made_up_do_not_read_the_registry_each(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of them shares a few reads; known names are not held up by it."""
    slept: list[float] = []
    reads: list[None] = []
    turn = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await turn.wait()

    read = pair.here.cluster.nodes.read

    async def counting() -> Any:
        reads.append(None)
        return await read()

    monkeypatch.setattr(pair.here.cluster.nodes, "read", counting)
    forwarder = forwarder_of(pair.here)
    monkeypatch.setattr(forwarder, "_sleep", sleep)
    await refusal(pair, "first")
    flood = [asyncio.ensure_future(refusal(pair, f"made-up-{number}")) for number in range(100)]
    await pair.here.turn()
    assert (len(reads), slept) == (1, [pytest.approx(0.1)])
    assert await ask(pair) == "a"

    turn.set()
    assert {error.slug for error in await asyncio.gather(*flood)} == {"unknown_session"}
    assert len(reads) == 2
    assert not forwarder._looking


async def test_instance_that_has_just_come_is_found(pair: Pair) -> None:
    """The registry is read for a name that is not known yet, and what waits for that keeps its order."""
    heard = listen(await pair.join("new"))

    assert await asyncio.gather(*(ask(pair, text, "new") for text in "abc")) == ["a", "b", "c"]
    assert heard == ["a", "b", "c"]


async def test_nothing_overtakes_what_waits_for_the_registry(pair: Pair) -> None:
    """Who comes when the name has just become known stands behind those that asked before."""
    heard = listen(await pair.join("new"))
    forwarder = forwarder_of(pair.here)
    first = asyncio.ensure_future(ask(pair, "1", "new"))
    await asyncio.sleep(0)
    assert forwarder._next_read is not None
    await forwarder._next_read  # it is done, and the first does not know yet
    second = asyncio.ensure_future(ask(pair, "2", "new"))
    await asyncio.gather(first, second)

    assert heard == ["1", "2"]


async def test_instance_of_another_version_is_not_asked(clock: Clock) -> None:
    """It would ignore the question; the client is better off with a new session."""
    pair = await Pair(clock).start()
    pair.there.describe_as = {"bus": 2}
    await pair.there.cluster.nodes.beat()
    await pair.here.cluster.nodes.beat()

    assert (await refusal(pair, "there")).slug == "unknown_session"
    assert pair.exchange.sent == []


async def test_instance_that_takes_no_such_thing(clock: Clock) -> None:
    """One of an older release, or where the transport is switched off, says so at once."""
    pair = await Pair(clock).start()

    assert (await refusal(pair, "there")).slug == "unknown_session"


async def test_instance_that_was_killed(pair: Pair) -> None:
    """While it is still listed it is asked in vain: a temporary error after `survey_timeout`."""
    pair.kill(pair.there)
    asked = asyncio.ensure_future(ask(pair))

    with pytest.raises(BrokerError, match="peer_unreachable"):
        await pair.until_timers(pair.here, asked)


async def test_broker_that_is_away(pair: Pair) -> None:
    """Nobody knows who is there, which is temporary."""
    pair.kill(pair.here)
    for name in ("there", "unknown"):
        assert (await refusal(pair, name)).slug == "broker_unavailable"


async def test_instances_that_lost_each_other_are_given_time(pair: Pair) -> None:
    """Behind an outage of the broker an instance that is not listed yet is no lost session, for one heartbeat."""
    listed: list[None] = []
    forwarder_of(pair.here).when_listed.append(lambda: listed.append(None))
    nodes = pair.here.cluster.nodes
    assert await nodes.try_beat()
    await pair.exchange.memory.tables.remove("nodes", "there")
    pair.clock.advance(11)
    assert (await refusal(pair, "nowhere")).slug == "peer_unreachable"
    assert await nodes.try_beat()
    assert (await refusal(pair, "there")).slug == "peer_unreachable"
    assert len(listed) == 1
    pair.clock.advance(6)
    assert await nodes.try_beat()
    assert (await refusal(pair, "there")).slug == "unknown_session"
    assert len(listed) == 2

    pair.here.cluster.on_resumed()
    assert (await refusal(pair, "there")).slug == "peer_unreachable"


async def test_who_waits_is_told_of_changes(pair: Pair) -> None:
    """Of each reading of the registry, of messages that may be lost, of the stop."""
    forwarder = forwarder_of(pair.here)
    told: list[str] = []
    forwarder.when_listed.append(lambda: told.append("listed"))
    forwarder.when_lost.append(lambda: told.append("lost"))
    assert await pair.here.cluster.nodes.try_beat()
    pair.here.cluster.on_resumed()
    assert (told, forwarder.is_stopping) == (["listed", "lost"], False)
    pair.here.cluster.let_go()

    assert (told, forwarder.is_stopping) == (["listed", "lost", "lost"], True)


async def test_embedded_broker_has_no_forwarder(clock: Clock) -> None:
    """Where no other instance can be, nothing is kept for it."""
    cluster = lone_cluster(await World(clock).start())
    cluster.let_go()
    cluster.on_resumed()

    assert cluster.forwarder is None
