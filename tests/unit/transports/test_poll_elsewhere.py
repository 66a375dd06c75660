"""Polls whose clients are at one instance and whose sessions are at another."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec import msgpack

from holdfast.transports.poll_elsewhere import PollsElsewhere
from holdfast.transports.poll_messages import PollRequest
from tests.brokers import Clock
from tests.pair import Instance, Pair, forwarded
from tests.poll_door import Door, Posted

SUBSCRIBE = {"id": 2, "subscribe": {"channel": "news"}}


@dataclass
class Doors:
    """Two instances' doors; the session is `there`, its client at `near`."""

    pair: Pair
    near: Door
    far: Door
    session: str = ""

    def start(self, seq: int, ack: int = 1, **fields: Any) -> Posted:
        """Ask the other instance."""
        return self.near.start(session=self.session, node="there", seq=seq, ack=ack, **fields)

    async def post(self, seq: int, ack: int = 1, **fields: Any) -> Any:
        """Ask the other instance, and return what is answered at once."""
        return (await self.start(seq, ack, **fields).done()).json()

    async def wait(self, seq: int, ack: int = 1) -> Posted:
        """Ask the other instance for what is not there yet."""
        waiting = self.start(seq, ack)
        await self.turns()
        assert not waiting.task.done()
        return waiting

    async def turns(self) -> None:
        """Let everything happen that nothing has to be waited for."""
        for _ in range(5):
            await self.pair.here.turn()

    def publish(self, data: Any) -> None:
        """Send the session a push."""
        for connection in self.pair.there.manager.everybody():
            connection.send(json.dumps({"push": data}).encode())

    @property
    def near_polls(self) -> PollsElsewhere:
        """What waits here."""
        assert self.near.elsewhere is not None
        return self.near.elsewhere

    @property
    def far_polls(self) -> PollsElsewhere:
        """What waits there."""
        assert self.far.elsewhere is not None
        return self.far.elsewhere


@pytest.fixture
async def doors() -> Doors:
    """A session there, whose client goes on here."""
    pair = await Pair(Clock(1_700_000_000.0)).start()
    doors = Doors(pair, Door(pair.here), Door(pair.there))
    doors.session = (await doors.far.open())["session"]
    return doors


async def test_poll_is_answered_by_the_instance_of_its_session(doors: Doors) -> None:
    """Commands are carried out there, and what is there to tell is the answer; each outcome is counted once."""
    before = forwarded("poll", "ok")
    answer = await doors.post(1, commands=[SUBSCRIBE])

    assert (answer["first"], answer["messages"][0]["id"]) == (2, 2)
    assert doors.pair.there.core.stats.commands["subscribe"] == 1
    assert forwarded("poll", "ok") == before + 1
    assert doors.near.sessions.outcomes == {}
    assert doors.far.sessions.outcomes == {"messages": 2}
    assert len(doors.near_polls) == len(doors.far_polls) == 0


async def test_poll_waits_at_its_session(doors: Doors) -> None:
    """It is answered with all that comes in one turn."""
    waiting = await doors.wait(1)
    assert len(doors.near_polls) == len(doors.far_polls) == 1
    doors.publish(1)
    doors.publish(2)

    assert (await waiting.done()).json() == {"first": 2, "messages": [{"push": 1}, {"push": 2}]}
    assert len(doors.near_polls) == len(doors.far_polls) == 0


async def test_poll_times_out_where_its_session_is(doors: Doors) -> None:
    """With the time that the client was told; then its idle time begins."""
    waiting = await doors.wait(1)
    doors.far.timers.advance(25)

    assert (await waiting.done()).json() == {"first": 2, "messages": []}
    assert len(doors.far.sessions.idle) == 1


async def test_client_that_hangs_up_frees_its_poll_there(doors: Doors) -> None:
    """The session's idle time begins, and what came meanwhile is for the next request."""
    waiting = await doors.wait(1)
    waiting.hang_up()
    assert (await waiting.done()).status == 0
    await doors.turns()

    assert (len(doors.far.sessions.idle), len(doors.far_polls)) == (1, 0)
    assert doors.far.sessions.outcomes["gone"] == 1
    doors.publish(1)
    assert (await doors.post(1))["messages"] == [{"push": 1}]


@pytest.mark.parametrize("newer_at", ["near", "far", "third"])
async def test_newer_request_takes_over_wherever_it_comes(doors: Doors, newer_at: str) -> None:
    """The session's instance decides, so one that comes through another instance supersedes this one."""
    third = Door(await doors.pair.join("third"))
    waiting = await doors.wait(1)
    door = {"near": doors.near, "far": doors.far, "third": third}[newer_at]
    newer = door.start(session=doors.session, node="there", seq=2, ack=1)

    assert (await waiting.done()).json() == {"superseded": True, "messages": []}
    doors.publish(1)
    assert (await newer.done()).json()["messages"] == [{"push": 1}]
    stale = third.start(session=doors.session, node="there", seq=1, ack=1)
    assert (await stale.done()).json() == {"superseded": True, "messages": []}


async def test_newer_request_takes_over_in_the_turn_of_an_answer(doors: Doors) -> None:
    """What ends the wait of the older one at the same time is the newer one's to tell."""
    waiting = await doors.wait(1)
    doors.far.timers.advance(25)
    session = doors.far.sessions.find(doors.session)
    assert session is not None
    session.arrive(PollRequest(doors.session, seq=2, ack=1))
    doors.publish(1)

    assert (await waiting.done()).json() == {"superseded": True, "messages": []}


async def test_repeated_request_is_not_carried_out_again(doors: Doors) -> None:
    """As at one instance: by its number."""
    publish = {"id": 3, "publish": {"channel": "news", "data": 1}}
    first = await doors.post(1, commands=[SUBSCRIBE, publish])
    again = await doors.far.post(session=doors.session, node="there", seq=1, ack=1, commands=[SUBSCRIBE, publish])

    assert again["messages"][: len(first["messages"])] == first["messages"]
    assert doors.pair.there.core.stats.commands["publish"] == 1


async def test_refusals_come_as_they_are(doors: Doors) -> None:
    """With status, slug and detail of the session's instance."""
    answer = await doors.start(1, ack=99).done()
    assert (answer.status, answer.json()["slug"]) == (400, "bad_request")
    assert "99" in answer.json()["message"]

    doors.session = "nobody's"
    answer = await doors.start(1).done()
    assert (answer.status, answer.json()["slug"]) == (404, "unknown_session")
    assert doors.near.sessions.outcomes == {"bad_request": 1, "unknown_session": 1}


async def test_large_answers_come_whole(doors: Doors) -> None:
    """A message above `max_answer_bytes` is one answer, however many parts it takes."""
    waiting = await doors.wait(1)
    doors.publish("x" * 900_000)

    assert len((await waiting.done()).body) > 900_000


async def test_goodbye_is_passed_on(doors: Doors) -> None:
    """The client leaves, through whatever instance."""
    assert await doors.post(1, close=True) == {"first": 2, "messages": []}
    assert doors.pair.there.manager.count == 0


async def test_drain_of_the_session_reaches_its_client(doors: Doors) -> None:
    """The push says where to go from here."""
    waiting = await doors.wait(1)
    doors.pair.there.manager.everybody()[0].close("shutdown")

    disconnect = {"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}}
    assert (await waiting.done()).json()["messages"] == [disconnect]


async def test_instance_that_is_silent(doors: Doors) -> None:
    """503 after `survey_timeout`, so that the client repeats the same request."""
    doors.pair.kill(doors.pair.there)
    asked = doors.start(1)
    await doors.pair.until_timers(doors.pair.here, asked.task)

    answer = await asked.done()
    assert (answer.status, answer.json()["slug"], answer.headers["retry-after"]) == (503, "peer_unreachable", "1")
    assert len(doors.near_polls) == 0


async def test_instance_that_dies_while_polls_wait(doors: Doors) -> None:
    """They end with its entry in the registry, and the clients open new sessions."""
    waiting = await doors.wait(1)
    doors.pair.kill(doors.pair.there)
    await doors.pair.here.cluster.nodes.try_beat()
    await doors.turns()
    assert not waiting.task.done()
    await doors.pair.exchange.memory.tables.remove("nodes", "there")
    await doors.pair.here.cluster.nodes.try_beat()

    answer = await waiting.done()
    assert (answer.status, answer.json()["slug"]) == (404, "unknown_session")
    assert len(doors.near_polls) == 0


async def test_another_process_of_the_same_name_has_no_session(doors: Doors) -> None:
    """An instance that was killed and is back under its name does not know of the poll."""
    waiting = await doors.wait(1)
    doors.pair.kill(doors.pair.there)
    node = doors.pair.there.cluster.nodes
    node.uid = "another"
    await doors.pair.exchange.memory.tables.put("nodes", "there", _entry(doors.pair.there), 10)
    await doors.pair.here.cluster.nodes.try_beat()

    assert (await waiting.done()).status == 404


@pytest.mark.parametrize("why", ["late", "resumed", "stopping"])
async def test_client_asks_again_where_the_answer_may_not_come(doors: Doors, why: str) -> None:
    """It gets an empty answer, and its next request everything that was not acknowledged."""
    waiting = await doors.wait(1)
    doors.pair.exchange.cut_off.add("here")  # the answer is lost
    doors.publish(1)
    await doors.turns()
    doors.pair.exchange.cut_off.clear()
    assert not waiting.task.done()
    if why == "late":
        doors.near.patience.advance(27)
    elif why == "resumed":
        doors.pair.here.cluster.on_resumed()
    else:
        doors.pair.here.cluster.let_go()

    assert (await waiting.done()).json() == {"first": 2, "messages": []}
    assert (await doors.post(2))["messages"] == [{"push": 1}]


async def test_instance_that_stops_lets_no_poll_wait(doors: Doors) -> None:
    """What comes while it stops is carried out, and answered at once; the session is free for the next request."""
    doors.pair.here.cluster.let_go()

    assert await doors.post(1) == {"first": 2, "messages": []}
    await doors.turns()
    assert len(doors.far.sessions.idle) == 1


async def test_request_cancelled_while_it_waits(doors: Doors) -> None:
    """A server that is told to stop at once leaves nothing behind at the other one."""
    waiting = await doors.wait(1)
    waiting.task.cancel()
    await asyncio.gather(waiting.task, return_exceptions=True)
    await doors.turns()

    assert (len(doors.near_polls), len(doors.far_polls)) == (0, 0)


async def test_messages_about_unknown_polls_are_ignored(doors: Doors) -> None:
    """They come late, or from nowhere."""
    waiting = await doors.wait(1)
    waiting.hang_up()
    doors.publish(1)  # the answer and the goodbye cross
    await waiting.done()
    await doors.turns()

    assert len(doors.far_polls) == 0
    assert (await doors.post(1))["messages"] == [{"push": 1}]


async def test_opening_is_never_forwarded(doors: Doors) -> None:
    """Whatever node it names."""
    answer = await doors.near.open(node="there")

    assert answer["node"] == "here"
    assert doors.pair.exchange.sent == []


def _entry(instance: Instance) -> bytes:
    return msgpack.encode(instance.cluster.nodes.own())
