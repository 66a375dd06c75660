from __future__ import annotations

import gc
import json
import weakref

import pytest

from holdfast.connections.lifecycle import Phase
from holdfast.connections.manager import selected
from holdfast.settings_logs import LogSettings
from holdfast.telemetry.logs import configure_logging
from tests.live import World


async def test_users_are_counted_by_connection(world: World) -> None:
    """One, several and no connections of a user are all found."""
    first, second = world.connect(), world.connect()
    third = world.connect()
    other = world.connect("bob")
    assert (world.manager.count, world.manager.users_count) == (4, 2)
    assert set(world.manager.by_user("anna")) == {first.connection, second.connection, third.connection}
    assert world.manager.by_user("bob") == [other.connection]
    assert world.manager.by_user("nobody") == []
    assert [world.manager.count_of(user) for user in ("anna", "bob", "nobody")] == [3, 1, 0]
    for client in (first, second, third, other):
        client.hang_up()

    assert (world.manager.count, world.manager.users_count) == (0, 0)


async def test_everybody_includes_those_that_have_not_connected(world: World) -> None:
    """A drain must reach connections in their handshake too."""
    opening, connected = world.open(), world.connect()

    assert set(world.manager.everybody()) == {opening.connection, connected.connection}


async def test_departed_connections_leave_nothing(world: World) -> None:
    """After the end nothing refers to a connection any more, even without the collector."""
    client = world.connect(channels=["b"])
    client.call("subscribe", channel="a", positioned=True)
    watched = weakref.ref(client.transport)
    client.hang_up()
    await world.turn()
    assert (len(world.hub), len(world.core.feed), world.core.stats.subscriptions) == (0, 0, 0)
    gc.disable()
    try:
        del client
        assert watched() is None
    finally:
        gc.enable()


async def test_sessions_are_found_by_name_while_they_last(world: World) -> None:
    """A request that names a session reaches its connection, until that ends."""
    client = world.open(session="secret")
    assert world.manager.by_session("secret") is None
    reply = client.call("connect", token=world.token())
    assert reply["connect"]["session"] == "secret"
    assert reply["connect"]["node"] == "here"
    assert world.manager.by_session("secret") is client.connection
    assert world.manager.by_session("") is None
    client.hang_up()

    assert world.manager.by_session("secret") is None


async def test_departure_before_connect_is_clean(world: World) -> None:
    """Who leaves in the handshake is forgotten."""
    client = world.open()
    client.hang_up()

    assert world.manager.everybody() == []
    assert dict(world.core.stats.closes) == {"client_gone": 1}


async def test_log_lines_of_one_attempt_share_its_id(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Why a token was refused and that the connection was refused can be put together."""
    configure_logging(LogSettings())
    client = world.open()
    client.send({"id": 1, "connect": {"token": "a.b.c"}})
    client.hang_up(3500, "token_not_base64")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert [line["event"] for line in lines] == ["token_refused", "connection_refused"]
    assert {line["attempt"] for line in lines} == {"attempt"}


async def test_log_of_an_ended_session_names_its_address(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """An operator finds the host of a client that reads too slowly."""
    configure_logging(LogSettings())
    client = world.connect()
    client.transport.queued = 2_000_000
    client.connection.on_congested()
    client.hang_up(3008, "slow_consumer")
    (line,) = [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    assert (line["event"], line["slug"], line["address"]) == ("connection_closed", "slow_consumer", "127.0.0.1")
    assert line["client"] == client.connection.client


async def test_selected_matches_client_and_session(world: World) -> None:
    """A client id picks one; WebSocket connections have no session id to match."""
    first, second = world.connect(), world.connect()
    both = [first.connection, second.connection]

    assert selected(both) == both
    assert selected(both, first.connection.client) == [first.connection]
    assert selected(both, session="s") == []


async def test_open_while_stopping_says_goodbye(world: World) -> None:
    """Who was let in before and comes after everybody was told to go is told at once."""
    world.core.lifecycle.advance(Phase.STOPPING)
    client = world.open()

    assert client.transport.closed == (3001, "shutdown")
    assert world.manager.everybody() == []


async def test_connections_are_counted_by_transport(world: World) -> None:
    """Each way to connect has its number, which falls with every end."""
    client = world.connect()
    assert world.manager.by_transport == {"websocket": 0, "fake": 1}
    client.hang_up()

    assert world.manager.by_transport == {"websocket": 0, "fake": 0}


async def test_sessions_are_found_by_the_attempt_that_their_client_named(world: World) -> None:
    """Who chose an id for its attempt is found by it from its opening to its end; others need not be."""
    attempt = "0123456789abcdef" * 2
    client = world.open(query=b"cid=" + attempt.encode(), attempt_id=attempt)
    assert world.manager.by_attempt(attempt) is client.connection
    client.call("connect", token=world.token())
    world.connect()
    assert world.manager.by_attempt(attempt) is client.connection
    assert world.manager.by_attempt(attempt[:-1] + "0") is None
    client.hang_up()

    assert world.manager.by_attempt(attempt) is None


async def test_newer_session_of_an_attempt_counts(world: World) -> None:
    """An id used twice leads to the newer session, whose entry outlives the end of the older one."""
    attempt = "f" * 32
    first, second = (world.open(query=b"cid=f", attempt_id=attempt) for _ in range(2))
    for client in (first, second):
        client.call("connect", token=world.token())
    first.hang_up()

    assert world.manager.by_attempt(attempt) is second.connection


async def test_connections_are_counted_by_sdk(world: World) -> None:
    """SDKs are told apart by what they call themselves."""
    client = world.connect(request={"name": "js", "version": "5.1"})
    world.connect(request={"name": "js", "version": "5.2"})
    world.connect(request={"name": "mine"})
    assert world.manager.count_by_sdk() == {"js": 2, "other": 1}
    client.hang_up()

    assert world.manager.count_by_sdk() == {"js": 1, "other": 1}


async def test_queue_bytes_are_those_of_slow_readers(world: World) -> None:
    """Each counts from when it is slow until it caught up or is gone."""
    slow, gone, quick = (world.connect() for _ in range(3))
    for client in (slow, gone, quick):
        client.transport.queued = 100_000
    slow.connection.on_congested()
    gone.connection.on_congested()
    assert world.manager.queue_bytes() == 200_000
    gone.hang_up()
    assert world.manager.queue_bytes() == 100_000
    slow.connection.on_drained()

    assert world.manager.queue_bytes() == 0
    assert not world.manager.congested


async def test_slow_reader_that_is_closed_at_once_is_forgotten(world: World) -> None:
    """Neither the one whose queue is too long nor one that is told after its end stays."""
    client = world.connect()
    client.transport.queued = 10_000_000
    client.connection.on_congested()
    assert client.transport.closed is not None
    client.connection.on_congested()

    assert not world.manager.congested


async def test_addresses_are_counted_from_accept_to_end(world: World) -> None:
    """Those that have not connected yet count; whoever ends is forgotten, however they end."""
    first, second, opening = world.connect(), world.connect("bob"), world.open()
    manager = world.manager
    assert (manager.total, manager.count_of_address("127.0.0.1"), manager.count_of_address("::1")) == (3, 3, 0)
    assert set(manager.by_address("127.0.0.1")) == {first.connection, second.connection, opening.connection}
    assert manager.by_address("::1") == []
    assert manager.busiest_addresses(5) == [("127.0.0.1", 3)]
    first.hang_up()
    second.connection.close("force_disconnect")
    opening.hang_up()

    assert (manager.total, manager.count_of_address("127.0.0.1"), manager.busiest_addresses(5)) == (0, 0, [])


async def test_addresses_of_one_network_count_together(world: World) -> None:
    """Who has one IPv6 address has all of its network, and is counted as one however often it changes."""
    clients = [world.open(client=f"2001:db8::{number}") for number in range(1, 4)]
    other = world.open(client="2001:db8:0:1::1")
    manager = world.manager
    assert manager.count_of_address("2001:db8::9") == 3
    assert manager.busiest_addresses(1) == [("2001:db8::/64", 3)]
    assert manager.by_address("2001:db8::1") == [clients[0].connection]
    for client in (*clients, other):
        client.hang_up()

    assert manager.busiest_addresses(5) == []


async def test_snapshot_has_the_numbers_of_the_moment(world: World) -> None:
    """What an operator asks for, frozen."""
    client = world.connect()
    world.connect("bob")
    world.open()
    client.call("subscribe", channel="a")
    world.core.stats.refused["accept_rate"] += 1
    client.hang_up()
    told = world.manager.snapshot()
    world.connect("carol")

    assert (told.connections, told.opening, told.users, told.addresses) == (1, 1, 1, 1)
    assert (told.opened, told.subscriptions) == (3, 0)
    assert told.by_transport == {"websocket": 0, "fake": 1}
    assert (told.refused, told.closes) == ({"accept_rate": 1}, {"client_gone": 1})


async def test_outcomes_of_connects_are_told(world: World) -> None:
    """A session, an error reply, a close and a silent end each have their word; a session's end has none."""
    told: list[str] = []
    world.manager.on_outcome = lambda handshake, slug: told.append(slug)
    world.connect().hang_up()
    assert told == ["ok"]
    world.open().call("connect", token=world.token(exp=1))
    assert told[1:] == ["token_expired"]
    world.open().send({"id": 1, "connect": {"token": "a.b.c"}})
    world.open().hang_up()

    assert told[2:] == ["token_not_base64", "client_gone"]
