from __future__ import annotations

import json
from typing import Any

import pytest

from holdfast.connections.records import EndedConnection, RefusedAttempt
from holdfast.settings_logs import LogSettings
from holdfast.telemetry.logs import configure_logging
from tests.brokers import Clock
from tests.live import Client, World
from tests.unit.connections.conftest import MakeWorld


class Book:
    """A recorder that keeps what it is told."""

    def __init__(self) -> None:
        self.attempts: list[RefusedAttempt] = []
        self.connections: list[EndedConnection] = []
        self.refused, self.ended = self.attempts.append, self.connections.append

    def admitted(self, attempt: str, seen: Any) -> None:
        """Forget it."""


@pytest.fixture
def book(world: World) -> Book:
    """What the instance records."""
    book = Book()
    world.core.recorder = book
    return book


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the log lines since the last look."""
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


async def test_session_that_the_path_cut(world: World, book: Book, clock: Clock) -> None:
    """An end without a close frame is the path's; the record has all that was known of the session."""
    client = world.connect(request={"name": "js", "version": "5.1"}, channels=["news"])
    world.core.hub.deliver("news", *publication(7))
    await world.turn()
    clock.now += 12.5
    client.hang_up()
    (ended,) = book.connections

    assert (ended.slug, ended.code, ended.initiator, ended.stage) == ("client_gone", 1006, "path", "idle")
    assert (ended.user, ended.address, ended.transport, ended.agent) == ("anna", "127.0.0.1", "fake", "js/5.1")
    assert ended.client == client.connection.client
    assert ended.lifetime == pytest.approx(12.5)
    assert (ended.subscriptions, ended.rtt) == (1, 0.0)
    assert not book.attempts
    assert len(world.manager.reports) == 0


async def test_quiet_time_begins_with_the_connect_or_the_last_ping(world: World, book: Book, clock: Clock) -> None:
    """A limit on idle connections shows in the time since something surely passed."""
    first, second = world.connect(), world.connect()
    clock.now += 3.0
    first.hang_up()
    world.core.heartbeat.advance(1e6, clock.now)
    clock.now += 1.5
    second.hang_up()

    assert [one.quiet for one in book.connections] == [pytest.approx(3.0), pytest.approx(1.5)]


@pytest.mark.parametrize(
    ("code", "reason", "initiator"),
    [(1006, "", "path"), (1000, "", "peer"), (1001, "away", "peer"), (1002, "frame_unmasked", "us")],
)
async def test_initiator_by_what_the_transport_says(
    world: World, book: Book, code: int, reason: str, initiator: str
) -> None:
    """A close frame of the client is the client's end, what a transport closes itself is ours."""
    world.connect().hang_up(code, reason)

    assert book.connections[0].initiator == initiator
    assert world.core.stats.ends[book.connections[0].slug, initiator] == 1


async def test_session_that_we_close(world: World, book: Book) -> None:
    """Whoever answers our close frame did not end the connection; what waited for the client is told."""
    client = world.connect(channels=["news"])
    client.transport.queued = 2_000_000
    client.connection.on_congested()
    client.hang_up(3008, "slow_consumer")
    (ended,) = book.connections

    assert (ended.slug, ended.initiator, ended.queued) == ("slow_consumer", "us", 2_000_000)
    assert ended.subscriptions == 1
    assert "bytes wait for the client" in ended.detail


async def test_last_offsets_of_the_first_channels(world: World, book: Book) -> None:
    """The record says up to where the client was told, for some channels; those without a position are left out."""
    client = world.connect(channels=[*(f"c{number}" for number in range(10)), "quiet"])
    for number in range(10):
        world.core.hub.deliver(f"c{number}", *publication(number + 1))
    client.hang_up()

    assert book.connections[0].offsets == {f"c{number}": number + 1 for number in range(8)}
    assert book.connections[0].subscriptions == 11


async def test_connect_that_is_refused(world: World, book: Book, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused connect is one record and one line, with its cause, stage and what the gateway saw."""
    configure_logging(LogSettings())
    client = world.open()
    assert client.connection.handshake is not None
    client.connection.handshake.headers.append((b"user-agent", b"Firefox"))
    client.send({"id": 1, "connect": {"token": "a.b.c", "name": "js"}})
    client.hang_up(3500, "token_not_base64")
    (attempt,) = book.attempts
    last = lines(capsys)[-1]

    assert (attempt.slug, attempt.stage, attempt.agent) == ("token_not_base64", "token", "js")
    assert attempt.detail.startswith("header")
    assert attempt.seen == {"user-agent": "Firefox"}
    assert (last["event"], last["slug"], last["initiator"]) == ("connection_refused", "token_not_base64", "us")
    assert (last["attempt"], last["stage"], last["code"]) == ("attempt", "token", 3500)
    assert not book.connections


async def test_connect_that_a_fresh_token_would_cure(world: World, book: Book) -> None:
    """An error reply leaves the connection open; it is recorded once, when that ends, with the reply's cause."""
    client = world.open()
    client.send({"id": 1, "connect": {"token": world.token(exp=1)}})
    assert not book.attempts
    client.hang_up(1000)

    assert [(one.slug, one.stage, one.user) for one in book.attempts] == [("token_expired", "token", "anna")]
    assert book.attempts[0].detail


async def test_user_of_a_token_that_nobody_signed(world: World, book: Book) -> None:
    """Whoever writes a token of somebody else's name does not get into that user's history."""
    client = world.open()
    header, claims, _ = world.token("anna").split(".")
    client.send({"id": 1, "connect": {"token": f"{header}.{claims}.AAAA"}})
    client.hang_up(3500, "token_wrong_signature")

    assert [(one.slug, one.user) for one in book.attempts] == [("token_wrong_signature", "")]


async def test_user_who_may_not_have_another_connection(make_world: MakeWorld) -> None:
    """Who is refused for a limit of the user's is known by name."""
    world = await make_world(client={"user_connection_limit": 1})
    book = world.core.recorder = Book()
    world.connect("anna")
    client = world.open()
    client.send({"id": 1, "connect": {"token": world.token("anna")}})
    client.hang_up(3504, "connection_limit")

    assert [(one.slug, one.user, one.stage) for one in book.attempts] == [("connection_limit", "anna", "connect")]


async def test_connect_that_succeeds_the_second_time(world: World, book: Book) -> None:
    """What was refused and then repeated with success is no refused attempt."""
    client = world.open()
    client.send({"id": 1, "connect": {"token": world.token(exp=1)}})
    client.call("connect", token=world.token())
    client.hang_up()

    assert not book.attempts
    assert [one.slug for one in book.connections] == ["client_gone"]


async def test_client_that_leaves_before_its_connect(
    world: World, book: Book, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody refused it, and the line does not say so; without a session it is an attempt all the same."""
    configure_logging(LogSettings())
    world.open().hang_up()

    assert [(one.slug, one.stage) for one in book.attempts] == [("client_gone", "connect")]
    assert [(line["event"], line["initiator"]) for line in lines(capsys)] == [("connection_closed", "path")]


async def test_line_of_a_closed_session(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The canonical line has what the record has; what is empty is left out."""
    configure_logging(LogSettings())
    client = world.connect(request={"name": "go"}, channels=["news"])
    client.hang_up(1000)
    (line,) = [one for one in lines(capsys) if one["event"] == "connection_closed"]

    assert (line["level"], line["slug"], line["code"], line["initiator"]) == ("info", "client_closed", 1000, "peer")
    assert (line["client"], line["user"], line["agent"]) == (client.connection.client, "anna", "go")
    assert (line["subscriptions"], line["seconds"]) == (1, 0.0)
    assert not {"queued", "rtt", "detail"} & set(line)


async def test_timings_count_from_the_accept(make_world: MakeWorld, clock: Clock) -> None:
    """Each step of an attempt is noted, in seconds since the socket was accepted."""
    world = await make_world()
    book = world.core.recorder = Book()
    client: Client = world.open(accepted_at=clock.now - 1.0)
    client.call("connect", token=world.token())
    client.hang_up()

    assert book.connections[0].timings == {"upgrade": 1.0, "command": 1.0, "token": 1.0, "connect": 1.0}


async def test_failure_after_the_end_is_not_noted(world: World) -> None:
    """What fails on a connection that has ended leaves nothing behind."""
    from holdfast.errors import CapacityError

    client = world.connect()
    client.hang_up()
    client.connection.fail(CapacityError("slow_consumer"))

    assert len(world.manager.reports) == 0


def publication(offset: int) -> tuple[Any, Any]:
    """Return a publication at an offset, and its position."""
    from msgspec import Raw

    from holdfast.protocol.messages import Publication, StreamPosition

    return Publication(data=Raw(b"{}"), offset=offset), StreamPosition(offset, "epoch")
