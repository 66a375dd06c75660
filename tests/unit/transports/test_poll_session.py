"""Poll sessions: what a sink hears, who waits, and when a session ends."""

import asyncio
import json

import pytest

from holdfast.connections.transport import Handshake
from holdfast.errors import CapacityError
from holdfast.protocol.framing import POLL_JSON
from holdfast.settings import Settings
from holdfast.transports.poll_exchange import Arrival
from holdfast.transports.poll_messages import PollRequest, decode_request
from holdfast.transports.poll_session import OpenRequest, PollSessions
from tests.sockets import FakeLoop, RecordingSink

HANDSHAKE = Handshake("/", b"", [], "127.0.0.1", "http", "attempt", encoding=POLL_JSON)
OPENING = decode_request(b'{"commands":[{"id":1}]}')


class Waiter:
    """A request that remembers how it was woken."""

    outcome = ""

    def wake(self, outcome):
        """Keep the first outcome."""
        self.outcome = self.outcome or outcome


@pytest.fixture
def loop():
    """A clock moved by hand."""
    return FakeLoop()


@pytest.fixture
def sessions(loop):
    """Requests wait for 25 s, sessions live 60 s without one and 10 s after their end."""
    return PollSessions(Settings(), loop)


@pytest.fixture
def sinks():
    """The sinks that were made."""
    return []


@pytest.fixture
def session(sessions, sinks):
    """A session that has begun with one command."""

    def make(transport, handshake):
        sinks.append(RecordingSink(transport, handshake))
        return sinks[-1]

    session = sessions.create(POLL_JSON, b"fingerprint")
    session.begin(make, HANDSHAKE, OPENING)
    return session


def request(seq: int, ack: int = 0, commands: str = "[]", close: bool = False) -> PollRequest:
    """Return a later request."""
    return decode_request(
        json.dumps({"session": "s", "seq": seq, "ack": ack, "close": close}).encode()[:-1]
        + b',"commands":'
        + commands.encode()
        + b"}"
    )


def ends(session) -> list:
    """Return the disconnect pushes that wait."""
    messages = [json.loads(one) for one in session.exchange.take(10**9)[1]]
    return [one["push"]["disconnect"] for one in messages if "push" in one]


def test_session_has_an_id_of_its_own(sessions, session):
    """An id is 128 random bits, and leads back to its session."""
    other = sessions.create(POLL_JSON, b"")

    assert len(bytes.fromhex(session.session)) == 16
    assert sessions.find(session.session) is session
    assert other.session != session.session
    assert sessions.find("nobody's") is None
    assert len(sessions) == 2


def test_session_opening_is_remembered(sessions, session):
    """The request that opened a session leads to it; one without a fingerprint to none."""
    sessions.create(POLL_JSON, b"")

    assert sessions.opened_by(b"fingerprint") is session
    assert sessions.opened_by(b"") is None


def test_session_commands_of_a_request_run_once(session, sinks):
    """Commands reach the sink as one message, one a line; a repetition of their request is not obeyed again."""
    assert session.arrive(request(1, commands='[{"id":2},{"id":3}]')) is Arrival.NEW
    assert session.arrive(request(1, commands='[{"id":2},{"id":3}]')) is Arrival.REPEAT
    assert session.arrive(request(1)) is Arrival.REPEAT

    assert sinks[0].events == [(1, b'{"id":1}'), (1, b'{"id":2}\n{"id":3}')]


def test_session_write_wakes_who_waits(session):
    """A request waits until there is something to say."""
    waiter = Waiter()
    session.wait(waiter)
    assert waiter.outcome == ""

    session.write(b"news")

    assert waiter.outcome == "messages"
    assert session.buffered() == 4


def test_session_newer_request_takes_over(session):
    """The request that waited is answered at once, and what is written afterwards goes to the newer one."""
    older, newer = Waiter(), Waiter()
    session.wait(older)

    session.arrive(request(1))
    assert older.outcome == "superseded"
    session.wait(newer)
    session.leave(older)
    session.write(b"news")

    assert newer.outcome == "messages"


def test_session_late_request_disturbs_nobody(session, sinks):
    """One that was held back neither takes over nor is obeyed."""
    waiter = Waiter()
    session.arrive(request(5))
    session.wait(waiter)

    assert session.arrive(request(4, commands="[{}]")) is Arrival.STALE
    assert waiter.outcome == ""
    assert len(sinks[0].events) == 1


def test_session_request_ends_empty(loop, session):
    """Without news a request is answered after its timeout."""
    waiter = Waiter()
    session.wait(waiter)

    loop.advance(24.9)
    assert waiter.outcome == ""
    loop.advance(0.2)

    assert waiter.outcome == "empty"


def test_session_ends_when_nobody_comes(loop, sessions, session, sinks):
    """Idle time counts from the moment at which no request is open, and ends the session under its own name."""
    waiter = Waiter()
    session.leave(waiter)
    loop.advance(59)
    session.arrive(request(1))
    session.wait(waiter)
    loop.advance(1000)
    assert sinks[0].events == [(1, b'{"id":1}')]

    session.leave(waiter)
    loop.advance(61)

    assert sinks[0].events[1:] == [("closed", 4102, "poll_idle")]
    assert sessions.find(session.session) is None
    assert sessions.opened_by(b"fingerprint") is None
    assert len(sessions) == 0
    loop.advance(1000)
    assert len(sinks[0].events) == 2


def test_session_close_says_goodbye_behind_what_waits(loop, sessions, session, sinks):
    """An end is the last message, told to the sink once, and kept for a grace."""
    waiter = Waiter()
    session.write(b"{}")
    session.wait(waiter)

    session.close(3001, "shutdown")
    session.close(3000, "again")
    session.abort()

    assert waiter.outcome == "messages"
    assert ends(session) == [{"code": 3001, "reason": "shutdown"}]
    assert sinks[0].events[1:] == [("closed", 3001, "shutdown")]
    assert len(sessions) == 0
    loop.advance(9.9)
    assert sessions.find(session.session) is session
    loop.advance(0.2)
    assert sessions.find(session.session) is None


def test_session_obeys_nothing_after_its_end(session, sinks):
    """Commands that come behind the end are for nobody, and no idle time begins."""
    session.close(3001, "shutdown")

    session.arrive(request(1, commands="[{}]", close=True))
    session.leave(Waiter())

    assert sinks[0].events == [(1, b'{"id":1}'), ("closed", 3001, "shutdown")]


def test_session_abort_is_told_too(session):
    """Where writing failed, what can still be fetched ends with the cause."""
    session.abort()

    assert ends(session) == [{"code": 3009, "reason": "write_error"}]


def test_session_client_leaves(session, sinks):
    """A client may say that it leaves, behind its last commands."""
    session.arrive(request(1, commands="[{}]", close=True))

    assert sinks[0].events[1:] == [(1, b"{}"), ("closed", 1000, "client_closed")]
    assert session.has_ended
    assert ends(session) == []


def test_session_congestion_is_told_once(session, sinks):
    """Who does not fetch counts as slow until most of it is acknowledged."""
    big = b"x" * 70_000
    session.write(big)
    session.write(b"y")
    session.exchange.take(10**9)
    session.arrive(request(1, 1))
    session.arrive(request(2, 2))

    assert sinks[0].events[1:] == [("congested",), ("drained",)]


def test_session_written_to_before_its_sink_is_known(sessions):
    """A sink may write, and end the session, while it is being made."""
    made = []

    def make(transport, handshake):
        transport.write(b"x" * 70_000)
        transport.close(3001, "shutdown")
        made.append(RecordingSink(transport, handshake))
        return made[0]

    sessions.create(POLL_JSON, b"").begin(make, HANDSHAKE, OPENING)

    assert made[0].events == [("closed", 3001, "shutdown")]


def test_session_drained_without_a_sink(sessions):
    """A session whose sink was refused can be fetched to its end."""

    def refuse(transport, handshake):
        transport.write(b'"%b"' % (b"x" * 70_000))
        raise CapacityError("connection_limit")

    session = sessions.create(POLL_JSON, b"")
    session.begin(refuse, HANDSHAKE, OPENING)
    assert ends(session) == [{"code": 3504, "reason": "connection_limit"}]

    session.arrive(request(1, 2))

    assert session.buffered() == 0


def test_session_survives_nothing_of_a_broken_sink(sessions):
    """A fault of ours ends the one session it happened in."""

    class Broken(RecordingSink):
        def on_message(self, data, is_text):
            raise RuntimeError

    session = sessions.create(POLL_JSON, b"")
    session.begin(Broken, HANDSHAKE, OPENING)

    assert ends(session) == [{"code": 3004, "reason": "server_error"}]


def test_session_takes_from_the_client_whatever_is_asked(session):
    """Reading cannot be paused where one request at a time comes."""
    session.pause_reading()
    session.resume_reading()

    assert session.arrive(request(1)) is Arrival.NEW


async def test_open_request_is_woken():
    """The first outcome is the one that counts."""
    waiting = OpenRequest(asyncio.get_running_loop())
    task = asyncio.ensure_future(waiting.wait(asyncio.Queue().get))
    await asyncio.sleep(0)

    waiting.wake("messages")
    waiting.wake("empty")

    assert await task == "messages"


async def test_open_request_is_given_up():
    """A client that hangs up ends the waiting; other events of a server do not."""
    waiting = OpenRequest(asyncio.get_running_loop())
    events = asyncio.Queue()
    events.put_nowait({"type": "http.request"})
    events.put_nowait({"type": "http.disconnect"})

    assert await waiting.wait(events.get) == "gone"


async def test_open_request_is_cancelled():
    """A server that stops may cancel it."""
    waiting = OpenRequest(asyncio.get_running_loop())
    task = asyncio.ensure_future(waiting.wait(asyncio.Queue().get))
    await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


def test_session_goodbye_that_nobody_fetched_is_counted(loop, sessions, session):
    """A stop can wait for those who are between two polls: a goodbye counts until it is in an answer or given up."""
    session.write(b"{}")
    session.exchange.take(1000)
    assert sessions.unfetched() == 0
    session.close(3001, "shutdown")
    assert sessions.unfetched() == 1
    session.exchange.take(1000)

    assert sessions.unfetched() == 0
    other = sessions.create(session.encoding, b"")
    other.close(3001, "shutdown")
    assert sessions.unfetched() == 1
    loop.advance(1000)
    assert sessions.unfetched() == 0
