from __future__ import annotations

import pytest

from holdfast.connections.connection import Connection
from holdfast.connections.records import EndedConnection, RefusedAttempt
from holdfast.monitoring.ledger import Ledger, Query
from holdfast.monitoring.lookup import Lookup
from holdfast.settings_admin import LedgerSettings
from tests.brokers import Clock
from tests.live import Client, World

CID = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def clock() -> Clock:
    """Unix seconds that stand still."""
    return Clock(1_700_000_000.0)


@pytest.fixture
async def world(clock: Clock) -> World:
    """An instance with a ledger."""
    world = await World(clock).start()
    world.core.recorder = Ledger(LedgerSettings())
    return world


@pytest.fixture
def lookup(world: World) -> Lookup:
    """Who looks."""
    assert isinstance(world.core.recorder, Ledger)
    return Lookup(world.core, world.core.recorder)


def opened(world: World, cid: str = CID) -> Client:
    """Return a client that chose its attempt's id and has not connected."""
    return world.open(query=b"cid=" + cid.encode(), attempt_id=cid)


async def test_attempt_is_found_through_its_life(world: World, lookup: Lookup) -> None:
    """Before its connect, while it lives and after its end an attempt is found by its id."""
    assert await lookup.attempt(CID) is None
    client = opened(world)
    assert await lookup.attempt(CID) is client.connection
    client.call("connect", token=world.token())
    assert await lookup.attempt(CID) is client.connection
    client.hang_up()

    found = await lookup.attempt(CID)
    assert isinstance(found, EndedConnection)
    assert found.slug == "client_gone"


async def test_connection_that_is_being_closed_is_known(world: World, lookup: Lookup) -> None:
    """Between the close and the peer's goodbye it is neither live nor in the ledger, and yet not unknown."""
    client = world.open(query=b"cid=" + CID.encode(), attempt_id=CID)
    client.call("connect", token=world.token())
    client.connection.close("slow_consumer")
    found = await lookup.connection(CID)

    assert found is not None
    described = lookup.describe(found)
    assert (described["state"], described["slug"], described["attempt"]) == ("ending", "slow_consumer", CID)


async def test_connection_is_found_by_client_and_by_attempt(world: World, lookup: Lookup) -> None:
    """An operator may ask by either id, also for attempts whose clients chose none."""
    attempt = "f" * 32
    client = world.open(attempt_id=attempt)
    client.call("connect", token=world.token())
    name = client.connection.client
    assert await lookup.connection(name) is client.connection
    assert await lookup.connection(attempt) is client.connection
    client.hang_up()

    assert isinstance(await lookup.connection(name), EndedConnection)
    assert isinstance(await lookup.connection(attempt), EndedConnection)
    assert await lookup.connection("e" * 32) is None


async def test_refused_attempt_is_described(world: World, lookup: Lookup) -> None:
    """What was refused says so, with everything that is known of it."""
    client = opened(world)
    client.send({"id": 1, "connect": {"token": "x"}})
    client.hang_up(3500, "token_malformed")
    found = await lookup.attempt(CID)
    assert isinstance(found, RefusedAttempt)

    described = lookup.describe(found)
    assert (described["state"], described["slug"], described["stage"]) == ("refused", "token_malformed", "token")
    assert await lookup.attempts(Query(slug="token_malformed"), 10) == [described]
    assert await lookup.attempts(Query(slug="draining"), 10) == []


async def test_live_connection_is_described(world: World, lookup: Lookup, clock: Clock) -> None:
    """What lives is told with what it has now."""
    client = world.connect(channels=["news"])
    client.transport.queued = 7
    clock.now += 5
    described = lookup.describe(client.connection)

    assert (described["state"], described["user"], described["queued"]) == ("live", "anna", 7)
    assert (described["seconds"], described["subscriptions"], described["rtt"]) == (5.0, 1, 0.0)
    assert lookup.describe(world.open().connection)["state"] == "opening"


async def test_connections_live_and_ended(world: World, lookup: Lookup, clock: Clock) -> None:
    """Both are listed, newest first; filters that only an end can pass leave live ones out."""
    names = []
    for user in ("anna", "bob", "anna", "carl"):
        clock.now += 1
        client = world.connect(user)
        names.append(client.connection.client)
    clock.now += 1
    client.hang_up()

    def clients(found: list[dict[str, object]]) -> list[int]:
        return [names.index(str(one["client"])) for one in found]

    assert clients(await lookup.connections(Query(), 10)) == [3, 2, 1, 0]
    assert clients(await lookup.connections(Query(), 2)) == [3, 2]
    assert clients(await lookup.connections(Query(), 10, "live")) == [2, 1, 0]
    assert clients(await lookup.connections(Query(), 10, "ended")) == [3]
    assert clients(await lookup.connections(Query(user="anna"), 10)) == [2, 0]
    assert clients(await lookup.connections(Query(slug="client_gone"), 10)) == [3]
    assert clients(await lookup.connections(Query(address="192.0.2.1"), 10)) == []
    assert clients(await lookup.connections(Query(transport="fake"), 1, "live")) == [2]
    assert clients(await lookup.connections(Query(since=clock() - 2), 10, "live")) == [2]
    assert clients(await lookup.connections(Query(until=clock() - 3), 10, "live")) == [1, 0]


async def test_headers_are_told_where_they_are_remembered(world: World, lookup: Lookup) -> None:
    """Of a refused attempt and of one that was let in not long ago."""
    assert isinstance(world.core.recorder, Ledger)
    world.core.recorder.admitted(CID, {"host": "x"})
    client = opened(world)
    client.call("connect", token=world.token())
    assert await lookup.seen(client.connection) == {"host": "x"}
    client.hang_up()
    ended = await lookup.attempt(CID)
    assert ended is not None
    assert not isinstance(ended, Connection)
    assert await lookup.seen(ended) == {"host": "x"}

    refused = RefusedAttempt("a", 1.0, "", "websocket", "/", "draining", "admission", seen={"via": "p"})
    assert await lookup.seen(refused) == {"via": "p"}


async def test_how_far_back_it_reaches(world: World, lookup: Lookup, clock: Clock) -> None:
    """Whoever asks is told from when on there are answers."""
    assert lookup.reaches_back_to() == {"attempts": None, "closes": None}
    world.connect().hang_up()

    assert lookup.reaches_back_to() == {"attempts": None, "closes": clock()}
