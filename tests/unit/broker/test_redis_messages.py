"""Messages between instances but for Redis: batches, order, what is heard, and coming back."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import pytest

from holdfast.broker.redis_connect import Address
from holdfast.broker.redis_messages import RedisMessages
from holdfast.errors import BrokerError
from tests.brokers import Recorder, turn_until
from tests.redis_links import ScriptedLink

SUBSCRIBED = [[b"subscribe", b"p:all", 1], [b"subscribe", b"p:to:{a}", 2]]


class Connection:
    """A connection that says what it was given, then nothing any more, or fails."""

    def __init__(self, replies: list[Any]) -> None:
        self.replies = deque(SUBSCRIBED + replies)
        self.sent: list[tuple[Any, ...]] = []
        self.is_open = True

    async def send_command(self, *command: Any) -> None:
        """Remember a command."""
        self.sent.append(command)

    async def read_response(self, *, timeout: float = 0, disconnect_on_error: bool = True) -> Any:
        """Give the next reply; None stands for time that passed."""
        if not self.replies:
            await asyncio.Future()
        await asyncio.sleep(0)
        reply = self.replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def disconnect(self, *, nowait: bool) -> None:
        """Close."""
        self.is_open = False


class Link(ScriptedLink):
    """A link with connections of its callers' own."""

    def __init__(self, *connections: Any) -> None:
        super().__init__()
        self.connections = deque(connections)
        self.opened: list[Connection] = []

    async def locate(self, key: bytes) -> Address:
        """Return a server."""
        return Address("redis", 6379)

    async def connect(self, address: Address) -> tuple[Connection, None]:
        """Return the next connection."""
        if not self.connections:
            await asyncio.Future()
        found = self.connections.popleft()
        if isinstance(found, Exception):
            raise found
        self.opened.append(found)
        return found, None


async def heard(link: Link) -> Recorder:
    """Return what an instance heard until there was nothing more to hear."""
    seen = Recorder()
    messages = RedisMessages(link, "a", pick=lambda: 0.0)  # type: ignore[arg-type]  # as much of one as it needs
    await messages.start(seen)
    for _ in range(50):
        await asyncio.sleep(0)
    await messages.stop()
    return seen


def message(text: bytes) -> list[bytes]:
    """Return what Redis hands on."""
    return [b"message", b"p:all", text]


async def test_messages_come_to_the_handler():
    """Those to all and those to this instance; nothing else that Redis says, and not the instance's own probes."""
    link = Link(Connection([message(b"1"), [b"pong", b"", b""], message(b""), message(b"2")]))
    seen = await heard(link)

    assert seen.messages == [b"1", b"2"]
    assert seen.resumed == []
    assert link.opened[0].sent == [("SUBSCRIBE", b"p:all", b"p:to:{a}")]
    assert not link.opened[0].is_open


async def test_handler_that_fails_misses_one_message(monkeypatch: pytest.MonkeyPatch):
    """What it does not understand ends nothing."""

    def fail_once(self: Recorder, text: bytes) -> None:
        self.messages.append(text)
        if text == b"1":
            raise ValueError(text)

    monkeypatch.setattr(Recorder, "on_control", fail_once)

    assert (await heard(Link(Connection([message(b"1"), message(b"2")])))).messages == [b"1", b"2"]


async def test_lost_connection_is_told_when_another_is_there():
    """Whatever ended it, and however often it was tried; messages may have been lost meanwhile."""
    away = BrokerError("broker_unavailable", "away")
    lost = Connection([message(b"1"), ConnectionResetError("gone")])
    link = Link(away, Connection([message(b"0"), OSError("gone")]), lost, away, away, Connection([message(b"2")]))
    seen = await heard(link)

    assert seen.messages == [b"0", b"1", b"2"]
    assert seen.resumed == [set()] * 3
    assert not lost.is_open


async def test_lost_connection_has_a_cause_until_there_is_another():
    """Whoever asks is told why nothing comes, and that it does again."""
    link = Link(Connection([OSError("gone")]))
    messages = RedisMessages(link, "a", pick=lambda: 0.0)  # type: ignore[arg-type]  # as much of one as it needs
    await messages.start(Recorder())
    await turn_until(lambda: messages.state.failure)
    assert str(messages.state.failure) == "broker_unavailable: gone"
    await messages.stop()

    link.connections.append(Connection([]))
    await messages.start(Recorder())
    await turn_until(lambda: messages.state.failure is None)
    await messages.stop()


async def test_server_that_is_no_master_any_more_is_left():
    """At once, and no other one; what others say comes from the next one, and may have been missed."""
    old, new = Connection([]), Connection([message(b"1")])
    link, seen = Link(old), Recorder()
    messages = RedisMessages(link, "a", pick=lambda: 0.0)  # type: ignore[arg-type]  # as much of one as it needs
    messages.leave(Address("redis", 6379))
    await messages.start(seen)
    messages.leave(Address("other", 6379))
    link.connections.append(new)
    for _ in range(2):
        messages.leave(Address("redis", 6379))
    await turn_until(lambda: seen.messages)

    assert (link.opened, old.is_open, seen.resumed) == ([old, new], False, [set()])
    await messages.stop()


async def test_silence_is_broken_by_a_message_to_itself():
    """If that does not come either, the connection is given up."""
    deaf, next_one = Connection([None, message(b"1"), None, None, message(b"never")]), Connection([])
    link = Link(deaf, next_one)
    link.answers.extend([1, 1])
    seen = await heard(link)

    assert seen.messages == [b"1"]
    assert [args for _, _, args in link.calls] == [[b"p:to:{a}", b""]] * 2
    assert link.opened == [deaf, next_one]
    assert seen.resumed == [set()]


async def test_what_waits_goes_together_and_in_order():
    """One command at a time, to one node, so that nothing is overtaken."""
    link = ScriptedLink(1, 1)
    messages = RedisMessages(link, "a")  # type: ignore[arg-type]  # as much of one as it needs
    await asyncio.gather(messages.send(b"1"), messages.send(b"2", "b"))
    await messages.send(b"3")

    assert [args for _, _, args in link.calls] == [[b"p:all", b"1", b"p:to:{b}", b"2"], [b"p:all", b"3"]]
    assert {tuple(keys) for _, keys, _ in link.calls} == {(b"p:all",)}


async def test_message_that_could_not_be_sent_says_why():
    """To each whose message it was, and to nobody later."""
    link = ScriptedLink(BrokerError("broker_timeout", "slow"), 1)
    messages = RedisMessages(link, "a")  # type: ignore[arg-type]  # as much of one as it needs
    failed = await asyncio.gather(messages.send(b"1"), messages.send(b"2"), return_exceptions=True)
    await messages.send(b"3")

    assert [(type(one), str(one)) for one in failed] == [(BrokerError, "broker_timeout: slow")] * 2
    assert failed[0] is not failed[1]


async def test_bug_on_the_way_is_told_to_whoever_waits():
    """Nobody waits for ever, and the next message goes out."""
    link = Link()
    link.answers.append(RuntimeError("a bug"))
    messages = RedisMessages(link, "a")  # type: ignore[arg-type]  # as above
    with pytest.raises(BrokerError, match="a bug"):
        await asyncio.wait_for(messages.send(b"1"), 5)
    link.answers.append(1)

    await messages.send(b"2")


async def test_sender_that_gave_up_stops_nobody():
    """Its message may go all the same."""
    link = ScriptedLink(1)
    messages = RedisMessages(link, "a")  # type: ignore[arg-type]  # as much of one as it needs
    first = asyncio.ensure_future(messages.send(b"1"))
    second = asyncio.ensure_future(messages.send(b"2"))
    await asyncio.sleep(0)
    first.cancel()

    await second


async def test_stop_gives_up_what_waits():
    """Nobody waits for ever for a broker that has stopped."""
    link = ScriptedLink()
    started = asyncio.Event()

    async def hang(*args: Any) -> None:
        started.set()
        await asyncio.Future()

    link.run_script = hang  # type: ignore[method-assign,assignment]  # it never answers
    messages = RedisMessages(link, "a")  # type: ignore[arg-type]  # as much of one as it needs
    sent = asyncio.ensure_future(messages.send(b"1"))
    await started.wait()
    waiting = asyncio.ensure_future(messages.send(b"2"))
    await asyncio.sleep(0)
    await messages.stop()

    failed = await asyncio.gather(sent, waiting, return_exceptions=True)
    assert [(str(one), one.is_undone) for one in failed if isinstance(one, BrokerError)] == [
        ("broker_unavailable: the broker has stopped", False),
        ("broker_unavailable: the broker has stopped", True),
    ]
