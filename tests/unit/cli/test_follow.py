"""Tests of holdfast.cli.follow."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.frames import Close
from websockets.http11 import Response

from holdfast.cli.conversation import Noticed, Received, Refused
from holdfast.cli.failure import Exit
from holdfast.cli.follow import PING_GRACE_SECONDS, Follower, refusal_of_answer
from holdfast.cli.subscribe import GivenTokens
from tests.brokers import LoopClock, turn_until

CONNECTED = {"id": 1, "connect": {"client": "c", "ping": 25, "pong": True}}
SUBSCRIBED = {"id": 2, "subscribe": {"recoverable": True, "epoch": "e", "offset": 0}}


def publication(offset: int) -> dict:
    """Return the push of publication number `offset` in channel `a`."""
    return {"push": {"channel": "a", "pub": {"data": offset, "offset": offset}}}


def closed(code: int, reason: str = "") -> ConnectionClosedError:
    """Return the end of a connection by the server's close frame."""
    return ConnectionClosedError(Close(code, reason), None)


class FakeSocket:
    """Plays one connection: says its messages one by one, raising those that are exceptions."""

    def __init__(self, *script: object) -> None:
        self.script = list(script)
        self.sent: list[str] = []

    async def __aenter__(self):
        if self.script and isinstance(self.script[0], OSError | InvalidStatus):
            raise self.script.pop(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def send(self, text: str) -> None:
        self.sent.append(text)

    async def recv(self, *, decode: bool) -> str:
        assert decode
        said = self.script.pop(0)
        if isinstance(said, Exception):
            raise said
        return json.dumps(said)


class QuietSocket(FakeSocket):
    """Says nothing more behind its messages, until `later` is set."""

    def __init__(self, *script: object) -> None:
        super().__init__(*script)
        self.later: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def recv(self, *, decode: bool) -> str:
        return await (super().recv(decode=decode) if self.script else self.later)


@pytest.fixture
def play(monkeypatch):
    """Follow channel `a` through the given connections; return the exit code, the events and the waits."""

    async def follow(*sockets: FakeSocket, tokens=None, **options: object):
        queue, events, waits = list(sockets), [], []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        monkeypatch.setattr("websockets.asyncio.client.connect", lambda *_args, **_options: queue.pop(0))
        follower = Follower(
            "ws://127.0.0.1:1/connection/websocket",
            ["a"],
            tokens or GivenTokens("t"),
            events.append,
            float,
            sleep=sleep,
            **options,
        )
        return await follower.run(), events, waits

    return follow


async def test_follower_ends_after_count(play):
    """With --count the command ends by itself."""
    socket = FakeSocket(CONNECTED, SUBSCRIBED, publication(1), publication(2), publication(3))

    code, events, _ = await play(socket, count=2)

    assert code == Exit.FINE
    assert [event.data for event in events if isinstance(event, Received)] == [1, 2]


async def test_follower_ends_when_cancelled_while_a_message_comes(play):
    """In the very turn of the loop in which it comes, as under a stream of messages."""
    socket = QuietSocket(CONNECTED, SUBSCRIBED)
    following = asyncio.create_task(play(socket))
    await turn_until(lambda: not socket.script)
    await asyncio.sleep(0)
    socket.later.set_result(json.dumps(publication(1)))
    following.cancel()

    with pytest.raises(asyncio.CancelledError):
        await following


async def test_follower_goes_on_where_it_stopped(play):
    """After a lost connection the next subscribe asks for what came behind the last publication."""
    second = FakeSocket(CONNECTED, SUBSCRIBED, publication(2))

    code, events, waits = await play(
        FakeSocket(CONNECTED, SUBSCRIBED, publication(1), closed(3001, "draining")), second, count=2
    )

    assert code == Exit.FINE
    assert Refused("draining", 3001, is_final=False) in events
    assert waits == [0.0]
    request = json.loads(second.sent[1])["subscribe"]
    assert (request["recover"], request["offset"], request["epoch"]) == (True, 1, "e")


async def test_follower_waits_longer_while_nothing_answers(play):
    """The wait grows from try to try and starts again once something arrived."""
    down = [FakeSocket(ConnectionRefusedError("refused")) for _ in range(2)]
    up = FakeSocket(CONNECTED, SUBSCRIBED, closed(1006))
    last = FakeSocket(CONNECTED, SUBSCRIBED, publication(1))

    code, events, waits = await play(*down, up, last, count=1)

    assert code == Exit.FINE
    assert waits == [0.0, 1.0, 0.0]
    told = [event.text for event in events if isinstance(event, Noticed) and event.text.startswith("cannot connect")]
    assert len(told) == 2
    assert "--url" in told[0]
    assert "--url" not in told[1]


async def test_follower_stops_at_a_final_close(play):
    """A close that no other try cures ends the command with 2."""
    code, events, waits = await play(FakeSocket(closed(3500, "token_malformed")))

    assert code == Exit.REFUSED
    assert events == [Refused("token_malformed", 3500, is_final=True)]
    assert not waits


async def test_follower_stops_at_an_expired_token_it_cannot_renew(play):
    """A token from the command line expires once and for all."""
    error = {"id": 1, "error": {"code": 109, "message": "token_expired"}}

    code, events, _ = await play(FakeSocket(error))

    assert code == Exit.REFUSED
    assert events == [Refused("token_expired", 109, is_final=True)]


async def test_follower_without_reconnect_tries_once(play):
    """--no-reconnect says 4 where nothing answered and 2 where the gateway ended it."""
    assert (await play(FakeSocket(ConnectionRefusedError("refused")), reconnects=False))[0] == Exit.UNKNOWN
    assert (await play(FakeSocket(closed(3001)), reconnects=False))[0] == Exit.REFUSED


async def test_follower_notices_a_silent_server(play, monkeypatch):
    """A ping that is overdue ends the connection."""
    clock, socket = LoopClock(monkeypatch), QuietSocket(CONNECTED)
    following = asyncio.create_task(play(socket, reconnects=False))
    await turn_until(lambda: not socket.script)
    await clock.advance(25 + PING_GRACE_SECONDS - 1)
    assert not following.done()
    await clock.advance(1)

    code, events, _ = await following
    assert code == Exit.REFUSED
    assert "no ping" in events[-1].slug


async def test_follower_takes_a_refused_handshake(play):
    """What is said before the upgrade counts like a close."""
    answer = Response(403, "Forbidden", Headers(), b'{"slug": "origin_not_allowed"}')

    code, events, _ = await play(FakeSocket(InvalidStatus(answer)))

    assert code == Exit.REFUSED
    assert events == [Refused("origin_not_allowed", 403, is_final=True)]


@pytest.mark.parametrize(("status", "is_final"), [(403, True), (404, True), (429, False), (503, False)])
def test_answer_is_final_unless_temporary(status, is_final):
    """An overloaded or draining gateway may take the next try; a body that is not ours names the status."""
    refused = refusal_of_answer(Response(status, "Nope", Headers(), b"<html>"))

    assert refused == Refused(f"HTTP {status} Nope", status, is_final)
