"""The long polling door: requests and answers, on a real instance without a server."""

import asyncio
import json
import sys

import pytest

from holdfast.errors import DoorError
from holdfast.transports.poll_messages import PollRequest
from tests.brokers import Clock
from tests.live import World
from tests.poll_door import PATH, Door, Posted

KEY = "a key of at least sixteen"
SUBSCRIBE = {"id": 2, "subscribe": {"channel": "news"}}


@pytest.fixture
async def world():
    """An instance whose channels allow everything."""
    return await World(Clock(1_700_000_000.0)).start()


@pytest.fixture
async def door(world):
    """Its long polling door."""
    return Door(world, ("https://app.example",))


def publish(world, data):
    """Send a push to everybody in the channel."""
    for connection in list(world.manager.connections.values()):
        connection.send(json.dumps({"push": data}).encode())


async def test_poll_opening(door, world):
    """The opening request is answered with the session, and its commands' replies numbered from 1."""
    answer = await door.open(SUBSCRIBE)

    connect, subscribe = answer["messages"]
    assert (answer["first"], answer["node"], answer["timeout"]) == (1, "here", 25)
    assert connect["connect"]["session"] == answer["session"]
    assert connect["connect"]["node"] == "here"
    assert subscribe["id"] == 2
    assert world.manager.by_session(answer["session"]) is not None


async def test_poll_needs_no_pings(door, world):
    """Who comes by itself is neither pinged nor told to answer pings."""
    answer = await door.open()

    assert not {"ping", "pong"} & set(answer["messages"][0]["connect"])
    world.core.heartbeat.advance(1000)
    world.core.heartbeat.advance(2000)
    assert world.manager.count == 1


async def test_poll_handshake_is_that_of_the_opening(door, world):
    """Address, headers and query of the opening request are the connection's."""
    token = world.token("bob")
    opening = door.start(commands=[{"id": 1, "connect": {}}], query=f"token={token}", headers=[("Via", "b")])
    await opening.done()

    handshake = door.handshakes[0]
    assert (handshake.path, handshake.query) == (PATH, f"token={token}".encode())
    assert (b"via", b"b") in handshake.headers
    assert len(world.manager.by_user("bob")) == 1


async def test_poll_waits_for_news(door, world):
    """A request without anything to tell waits, and is answered with what comes."""
    session = (await door.open())["session"]
    waiting = door.start(session=session, node="here", seq=1, ack=1)
    await world.turn()
    assert not waiting.task.done()

    publish(world, 1)
    publish(world, 2)

    assert (await waiting.done()).json() == {"first": 2, "messages": [{"push": 1}, {"push": 2}]}


async def test_poll_answer_that_died_is_repeated(door, world):
    """The same request again gets the same messages, and its commands are not carried out again."""
    session = (await door.open(SUBSCRIBE))["session"]
    request = {
        "session": session,
        "seq": 1,
        "ack": 2,
        "commands": [{"id": 3, "publish": {"channel": "news", "data": 1}}],
    }
    first = await door.post(**request)
    await world.turn()
    again = await door.post(**request)

    assert again["messages"][: len(first["messages"])] == first["messages"]
    assert world.core.stats.commands["publish"] == 1
    assert sum("pub" in one.get("push", {}) for one in again["messages"]) == 1


async def test_poll_messages_survive_a_client_that_hangs_up(door, world):
    """What came while a dead request was open is for the next one."""
    session = (await door.open())["session"]
    waiting = door.start(session=session, seq=1, ack=1)
    await world.turn()
    waiting.hang_up()
    publish(world, 1)
    answer = await waiting.done()
    assert (answer.status, door.sessions.outcomes["gone"]) == (0, 1)

    assert (await door.post(session=session, seq=1, ack=1))["messages"] == [{"push": 1}]


async def test_poll_newer_request_takes_over(door, world):
    """The older of two requests is answered at once and says why; commands of the newer one are carried out."""
    session = (await door.open())["session"]
    older = door.start(session=session, seq=1, ack=1)
    await world.turn()

    newer = await door.post(session=session, seq=2, ack=1, commands=[{"id": 2, "subscribe": {"channel": "news"}}])

    assert (await older.done()).json() == {"superseded": True, "messages": []}
    assert newer["messages"][0]["id"] == 2
    assert await door.post(session=session, seq=1, ack=1) == {"superseded": True, "messages": []}


async def test_poll_that_is_overtaken_while_it_times_out(door, world):
    """What comes in the same turn is for the newer request."""
    session = (await door.open())["session"]
    waiting = door.start(session=session, seq=1, ack=1)
    await world.turn()
    door.timers.advance(25)
    door.sessions.find(session).arrive(PollRequest(session, seq=2, ack=1))
    publish(world, 1)

    assert (await waiting.done()).json() == {"superseded": True, "messages": []}


async def test_poll_opening_is_repeated_by_its_key(door, world):
    """An opening whose answer died leads to the session it opened, until that has gone on."""
    request = {"key": KEY, "commands": [{"id": 1, "connect": {"token": world.token()}}]}
    first = await door.post(**request)
    again = await door.post(**request)
    assert again == first
    assert len(door.sessions) == world.manager.count == len(door.handshakes) == 1

    waiting = door.start(session=first["session"], seq=1, ack=1)
    await world.turn()

    assert await door.post(**request) == {"superseded": True, "messages": []}
    assert not waiting.task.done()
    waiting.hang_up()
    await waiting.done()


@pytest.mark.parametrize("difference", ["token", "authorization", "cookie", "x-user", "query", "none"])
async def test_poll_key_is_worth_nothing_to_others(door, world, difference):
    """A key leads to a session only with all else that opened it."""
    request = {"key": KEY, "commands": [{"id": 1, "connect": {"token": world.token()}}]}
    first = await door.post(**request)
    how = {"headers": [(difference, "other")]} if difference in ("authorization", "cookie", "x-user") else {}
    if difference == "token":
        request["commands"][0]["connect"]["token"] = world.token("mallory")
    if difference == "query":
        how = {"query": "token=other"}

    again = (await door.start(**request, **how).done()).json()

    assert (again["session"] == first["session"]) is (difference == "none")


async def test_poll_openings_without_a_key_are_two(door):
    """Without a key nothing tells a repetition from another client."""
    assert (await door.open())["session"] != (await door.open())["session"]
    assert len(door.sessions) == 2


async def test_poll_refused_connect(door):
    """A token that no retry cures ends the session with a push; one that a fresh one cures is an error reply."""
    answer = await door.post(commands=[{"id": 1, "connect": {"token": "bad"}}])
    assert answer["messages"] == [{"push": {"disconnect": {"code": 3500, "reason": "token_malformed"}}}]

    expired = door.world.token(exp=1)
    answer = await door.post(commands=[{"id": 1, "connect": {"token": expired}}])
    assert answer["messages"][0]["error"]["code"] == 109
    fresh = {"id": 2, "connect": {"token": door.world.token()}}
    answer = await door.post(session=answer["session"], seq=1, ack=1, commands=[fresh])
    assert "connect" in answer["messages"][0]


async def test_poll_end_is_told(door, world):
    """An open request is answered with the disconnect push; one that comes later too, until it is acknowledged."""
    session = (await door.open())["session"]
    waiting = door.start(session=session, seq=1, ack=1)
    await world.turn()

    world.manager.everybody()[0].close("shutdown")

    told = {"first": 2, "messages": [{"push": {"disconnect": {"code": 3001, "reason": "shutdown"}}}]}
    assert (await waiting.done()).json() == told
    assert await door.post(session=session, seq=2, ack=1) == told
    answer = await door.start(session=session, seq=3, ack=2).done()
    assert (answer.status, answer.json()["slug"]) == (404, "unknown_session")
    assert world.core.stats.closes == {"shutdown": 1}


async def test_poll_client_leaves(door, world):
    """A goodbye ends the session at once and may be repeated."""
    session = (await door.open())["session"]

    assert await door.post(session=session, seq=1, ack=1, close=True) == {"first": 2, "messages": []}
    assert await door.post(session=session, seq=1, ack=1, close=True) == {"first": 2, "messages": []}
    assert (await door.start(session=session, seq=2, ack=1).done()).status == 404
    assert world.manager.count == 0
    assert world.core.stats.closes == {"client_closed": 1}


async def test_poll_slow_client_is_ended(door, world):
    """Who fetches too little is told so behind what it had coming."""
    session = (await door.open())["session"]
    for number in range(40):
        publish(world, "x" * 32_768 + str(number))
    assert world.core.stats.closes == {"slow_consumer": 1}

    seq, ack, messages = 1, 1, []
    while not messages or "push" not in messages[-1] or "disconnect" not in messages[-1]["push"]:
        answer = await door.post(session=session, seq=seq, ack=ack)
        assert answer["first"] == ack + 1
        messages += answer["messages"]
        seq, ack = seq + 1, ack + len(answer["messages"])
    assert messages[-1]["push"]["disconnect"] == {"code": 3008, "reason": "slow_consumer"}
    assert [one["push"][32_768:] for one in messages[:-1]] == [str(number) for number in range(len(messages) - 1)]


async def test_poll_send_alone_is_not_waited_for(door, world):
    """Commands without a reply are answered at once, so that the next ones may follow."""
    session = (await door.open())["session"]

    assert await door.post(session=session, seq=1, ack=1, commands=[{}]) == {"first": 2, "messages": []}


async def test_poll_times_out_empty(door, world):
    """A request is answered empty after its time."""
    session = (await door.open())["session"]
    waiting = door.start(session=session, seq=1, ack=1)
    await world.turn()
    door.timers.advance(24)
    await world.turn()
    assert not waiting.task.done()

    door.timers.advance(1)

    assert (await waiting.done()).json() == {"first": 2, "messages": []}
    assert door.sessions.outcomes["empty"] == 1


async def test_poll_idle_session_ends_with_its_presence(door, world):
    """A client that stays away is gone for everybody, under a cause of its own."""
    door = Door(world, idle_timeout=10)
    session = (await door.open(SUBSCRIBE))["session"]
    other = world.connect("bob")
    door.timers.advance(9)
    assert other.call("presence", channel="news")["presence"]["presence"]

    door.timers.advance(1)
    await world.turn()

    assert other.call("presence", channel="news")["presence"]["presence"] == {}
    assert world.core.stats.closes == {"poll_idle": 1}
    assert (await door.start(session=session, seq=1).done()).status == 404


@pytest.mark.parametrize("fields", [{"session": "nobody's"}, {"node": "elsewhere"}])
async def test_poll_unknown_session(door, fields):
    """A session that is not here, or another instance's, is told by a name clients can act on."""
    session = (await door.open())["session"]

    answer = await door.start(**{"session": session, "seq": 1, "ack": 1, **fields}).done()

    assert (answer.status, answer.json()["slug"]) == (404, "unknown_session")
    assert answer.headers["cache-control"] == "no-store"


async def test_poll_bad_acknowledgement_disturbs_nobody(door, world):
    """A request with impossible numbers is refused, and the one that waits goes on waiting."""
    session = (await door.open())["session"]
    waiting = door.start(session=session, seq=1, ack=1)
    await world.turn()

    answer = await door.start(session=session, seq=2, ack=7).done()

    assert (answer.status, answer.json()["slug"]) == (400, "bad_request")
    publish(world, 1)
    assert (await waiting.done()).json()["messages"] == [{"push": 1}]


async def test_poll_admission(door):
    """What may not open a connection may not open a session."""
    door.refusal = DoorError("draining")

    answer = await door.start(commands=[{"id": 1}]).done()

    assert (answer.status, answer.json()["slug"]) == (503, "draining")
    assert answer.headers["retry-after"] == "1"
    assert len(door.sessions) == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
async def test_poll_other_methods(door, method):
    """Requests are POST; what else came is told what is."""
    answer = await door.send(b"", method)

    assert (answer.status, answer.json()["slug"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"x" * 70_000, 413)])
async def test_poll_refusals_can_be_read_by_pages(door, body, status):
    """What is refused is refused readably."""
    answer = await door.send(body, headers=[("Origin", "https://app.example")])

    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert door.sessions.outcomes.total() == 1


async def test_poll_body_that_never_came(door):
    """A client that leaves before its request is complete leaves nothing behind."""
    posted = Posted(door.endpoint, b"", "POST", [], "")
    posted._incoming.get_nowait()
    posted.hang_up()

    assert (await posted.done()).status == 0
    assert door.sessions.outcomes.total() == 0


async def test_poll_that_waits_holds_no_body(door, world):
    """Thousands of requests may wait for long; what they said is not kept all that time."""
    session = (await door.open())["session"]
    body = json.dumps({"session": session, "seq": 1, "ack": 1, "padding": "x" * 60_000}).encode()
    references = sys.getrefcount(body)

    waiting = Posted(door.endpoint, body, "POST", [], "")
    await world.turn()

    assert not waiting.task.done()
    assert sys.getrefcount(body) == references
    waiting.hang_up()
    await waiting.done()


async def test_poll_that_fails_changes_nothing(door, monkeypatch):
    """Should a request be more than we can read, its session has an end all the same."""
    session = (await door.open())["session"]
    monkeypatch.setattr(PollRequest, "expects_answer", lambda request: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        await door.post(session=session, seq=1, ack=1)

    assert len(door.sessions.idle) == 1
    assert door.sessions.find(session).exchange.seq == 0


async def test_poll_cancelled_request(door, world):
    """A server that stops in a hurry may cancel a request; the session's idle time begins."""
    session = (await door.open())["session"]
    waiting = door.start(session=session, seq=1, ack=1)
    await world.turn()

    waiting.task.cancel()
    await asyncio.wait([waiting.task])

    assert waiting.task.cancelled()
    assert len(door.sessions.idle) == 1
    assert len(door.sessions.waiting) == 0
