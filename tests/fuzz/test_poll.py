"""Any request in any order to long polling: named answers, nothing lost or doubled, nobody else affected."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import Raw

from holdfast.errors import ProtocolError
from holdfast.transports.poll_exchange import Arrival, Exchange
from tests.brokers import Clock
from tests.live import World
from tests.poll_door import Door, Posted

# Numbers of requests

near = st.integers(-2, 2)


class Numbers(RuleBasedStateMachine):
    """An exchange against a list of everything said and two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange()
        self.said: list[bytes] = []
        self.seq = 0
        self.acknowledged = 0
        self.sent = 0

    @rule(units=st.lists(st.lists(st.binary(max_size=4).map(bytes.hex), min_size=1, max_size=3), max_size=5))
    def say(self, units: list[list[str]]) -> None:
        """Queue messages, some of them together."""
        for unit in units:
            messages = [one.encode() for one in unit]
            self.exchange.put(b"\n".join(messages))
            self.said += messages

    @rule(limit=st.integers(0, 40))
    def answer(self, limit: int) -> None:
        """Give what waits, from the first message that is not acknowledged, without a gap."""
        first, messages = self.exchange.take(limit)

        assert first == self.acknowledged + 1
        assert messages == self.said[self.acknowledged : self.acknowledged + len(messages)]
        assert bool(messages) is (self.acknowledged < len(self.said))
        assert len(messages) < 2 or sum(map(len, messages)) <= limit
        self.sent = max(self.sent, self.acknowledged + len(messages))

    @rule(step=near | st.integers(-100, 100), ack=near | st.integers(-100, 100), is_behind=st.booleans())
    def ask(self, step: int, ack: int, is_behind: bool) -> None:
        """Send a request with numbers around those that are right."""
        seq = max(0, self.seq + step)
        number = max(0, (self.acknowledged if is_behind else self.sent) + ack)
        if seq < self.seq or (seq == self.seq and number < self.acknowledged):
            assert self.exchange.receive(seq, number) is Arrival.STALE
        elif not self.acknowledged <= number <= self.sent:
            with pytest.raises(ProtocolError):
                self.exchange.receive(seq, number)
        else:
            expected = Arrival.NEW if seq > self.seq else Arrival.REPEAT
            assert self.exchange.receive(seq, number) is expected
            self.seq, self.acknowledged = seq, number

    @invariant()
    def agrees(self) -> None:
        """Sizes and numbers are those of the model."""
        waiting = self.said[self.acknowledged :]
        exchange = self.exchange
        assert (exchange.seq, exchange.acknowledged, exchange.sent) == (self.seq, self.acknowledged, self.sent)
        assert (exchange.size, exchange.has_messages) == (sum(map(len, waiting)), bool(waiting))


TestNumbers = Numbers.TestCase
TestNumbers.settings = settings(deadline=None)

# Requests to the endpoint

FIELDS = ("session", "node", "seq", "ack", "commands", "key", "close", "more")
numbers = st.integers(-1, 6) | st.sampled_from([2**31, 2**53 - 1, 2**53, 2**64, 10**400]) | st.floats()
anything = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
    max_leaves=6,
)
bodies = (
    st.binary(max_size=60)
    | anything.map(lambda one: json.dumps(one).encode())
    | st.dictionaries(st.sampled_from(FIELDS), anything, max_size=6).map(lambda one: json.dumps(one).encode())
    | st.sampled_from(
        [b"", b"{}", b"[" * 3000, b'{"session":' * 3000, b"\xff", b"\xef\xbb\xbf{}", b'{"commands":["\\ud800"]}']
    )
)
commands = st.sampled_from(
    [
        {},
        1,
        None,
        "x",
        [],
        {"id": 7},
        {"id": 8, "subscribe": {"channel": "news"}},
        *[{"id": 9, "publish": {"channel": "news", "data": "here comes which"}}] * 5,
        {"id": 10, "connect": {"token": "bad"}},
        {"id": 11, "presence": {"channel": "news"}},
        {"send": {}},
    ]
)
steps = st.one_of(
    st.tuples(st.just("raw"), bodies),
    st.tuples(
        st.just("request"),
        st.fixed_dictionaries(
            {
                "session": st.sampled_from(["mine", "mine", "mine", "ended", "nobody's"]),
                # Mostly what a good client would send, else its requests would hardly ever be heard.
                "seq": st.sampled_from(["next", "next", "next", "same"]) | st.integers(0, 4),
                "ack": st.sampled_from(["all", "all", "all"]) | st.integers(0, 4),
            },
            optional={
                "node": st.sampled_from(["", "here", "here", "elsewhere"]),
                "commands": st.lists(commands, max_size=3),
                "close": st.sampled_from([False, False, True]),
                "key": st.just("k" * 16),
            },
        ),
    ),
    st.tuples(st.just("again"), st.integers(0, 2)),
    st.tuples(st.just("hang up"), st.integers(0, 4)),
    st.tuples(st.just("publish"), st.integers()),
)
STATUSES = {200, 400, 404, 405, 413}


@settings(deadline=None, max_examples=150)
@given(st.lists(steps, max_size=12))
def test_polls_in_any_order(sequence: list[Any]) -> None:
    """Whatever one client sends, each request gets one answer of a known kind, and a neighbour misses nothing."""
    asyncio.run(_run(sequence))


async def _run(sequence: list[Any]) -> None:
    world = await World(Clock(1_700_000_000.0)).start()
    door = Door(world)
    subscribe = [{"id": 2, "subscribe": {"channel": "other"}}, {"id": 3, "subscribe": {"channel": "news"}}]
    neighbour = (await door.open(*subscribe, user="bob"))["session"]
    ended = (await door.open())["session"]
    await door.post(session=ended, seq=1, ack=1, close=True)
    names = {"mine": (await door.open())["session"], "ended": ended}
    posted: list[Posted] = []
    mine: list[Posted] = []
    requests: list[dict[str, Any]] = []
    for kind, what in sequence:
        if kind == "raw":
            posted.append(Posted(door.endpoint, what, "POST", [], ""))
        elif kind == "request":
            requests.append(_filled_in(what, names, door))
        elif kind == "again" and requests:
            requests.append(requests[-1 - what % len(requests)])
        if kind in ("request", "again") and requests:
            posted.append(door.start(**requests[-1]))
            if requests[-1]["session"] == names["mine"]:
                mine.append(posted[-1])
        elif kind == "hang up" and posted:
            posted[what % len(posted)].hang_up()
        elif kind == "publish":
            await world.core.publisher.publish("other", Raw(b"%d" % what))
        await world.turn()
        assert sum(not one.task.done() for one in mine) <= 1, "more than one request of a session waits"
    await _answered(posted)
    published = [what for kind, what in sequence if kind == "publish"]
    seen = [one["push"] for one in (await door.post(session=neighbour, seq=1, ack=3, close=True))["messages"]]
    assert [one["pub"]["data"] for one in seen if one["channel"] == "other"] == published
    carried_out = [tuple(one["pub"]["data"]) for one in seen if one["channel"] == "news"]
    assert len(set(carried_out)) == len(carried_out), "a command was carried out twice"
    assert not {"server_error", "internal_error"} & (world.core.stats.closes + world.core.stats.errors).keys()
    await _nothing_is_left(door)


async def _answered(posted: list[Posted]) -> None:
    """Each request has one answer, unless its client has gone."""
    for one in posted:
        one.hang_up()
        answer = await one.done()
        assert answer.status in STATUSES | {0}, answer
        if answer.status == 200:
            assert isinstance(answer.json()["messages"], list)
        elif answer.status:
            assert answer.json()["slug"]


def _filled_in(what: dict[str, Any], names: dict[str, str], door: Door) -> dict[str, Any]:
    """Return a request with a session and numbers, whose publications say which command of which request they are."""
    # By way of JSON: commands that are equal must become different ones.
    request = json.loads(json.dumps({**what, "session": names.get(what["session"], what["session"])}))
    session = door.sessions.find(request["session"])
    seq, sent = (session.exchange.seq, session.exchange.sent) if session is not None else (0, 0)
    request["seq"] = {"next": seq + 1, "same": seq}.get(what["seq"], what["seq"])
    request["ack"] = sent if what["ack"] == "all" else what["ack"]
    for index, command in enumerate(request.get("commands", [])):
        if isinstance(command, dict) and "publish" in command:
            command["publish"]["data"] = [request["seq"], index]
    return request


async def _nothing_is_left(door: Door) -> None:
    for connection in door.world.manager.everybody():
        connection.close("shutdown")
    await door.world.turn()
    assert len(door.sessions) == len(door.sessions.waiting) == len(door.sessions.idle) == 0
    assert door.world.manager.count == 0
    assert len(door.world.hub) == 0
