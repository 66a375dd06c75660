from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from holdfast.broker.memory import MemoryBroker
from holdfast.connections.farewells import PATIENCE
from holdfast.protocol.framing import RAW_PROTOBUF
from tests.brokers import Clock
from tests.live import Client, World
from tests.unit.connections.conftest import MakeWorld

HELLO = {"holdfast": {"version": "1", "can_migrate": True}}
MIGRATE = {"push": {"holdfast": {"migrate": {"after_ms": 0}}}}


def share(broker: MemoryBroker) -> MemoryBroker:
    """Let an instance believe that it has peers."""
    broker.is_shared = True
    return broker


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    """An instance with peers."""
    return await make_world(wrap=share, shutdown={"migrate_grace": 5})


@pytest.fixture
async def busy(world: World) -> AsyncIterator[Client]:
    """A client that waits for a reply."""
    client = world.connect("busy")
    client.connection.task = task = asyncio.get_running_loop().create_task(asyncio.sleep(3600))
    yield client
    task.cancel()


def counts(world: World) -> dict[str, int]:
    """Return how those left who were told to."""
    return {outcome: count for (_, outcome), count in world.core.farewells.counts.items()}


async def test_client_that_can_migrate_is_asked_first(world: World, clock: Clock) -> None:
    """It is told to move at once, is not closed before its grace is over, and then it is."""
    client = world.connect("mover", HELLO)
    client.received()
    world.core.farewells.say(client.connection, "shutdown")
    world.core.farewells.say(client.connection, "shutdown")
    clock.advance(4.9)
    world.core.farewells.advance()

    assert client.received() == [MIGRATE]
    assert client.transport.closed is None
    assert world.core.farewells.asked == len(world.core.farewells) == 1
    clock.advance(0.2)
    world.core.farewells.advance()
    assert client.transport.closed == (3001, "shutdown")
    assert counts(world) == {"overdue": 1}
    assert len(world.core.farewells) == 0


@pytest.mark.parametrize(("code", "outcome"), [(1000, "moved"), (1006, "moved")])
async def test_client_that_moved_is_counted(world: World, code: int, outcome: str) -> None:
    """Who leaves by itself after it was asked has moved, and nothing is kept of it."""
    client = world.connect("mover", HELLO)
    world.core.farewells.say(client.connection, "shutdown")
    client.hang_up(code)

    assert counts(world) == {outcome: 1}
    assert len(world.core.farewells) == 0


async def test_client_that_cannot_migrate_is_closed(world: World) -> None:
    """A plain SDK, one that has not connected, and one that speaks Protobuf are closed with 3001 at their moment."""
    others = [world.connect("plain"), world.open(), world.connect("protobuf", encoding=RAW_PROTOBUF)]
    for client in others:
        world.core.farewells.say(client.connection, "shutdown")

    assert {client.transport.closed for client in others} == {(3001, "shutdown")}
    assert counts(world) == {"closed": 3}


async def test_nobody_is_asked_without_peers(make_world: MakeWorld) -> None:
    """With the embedded broker there is nowhere to move to."""
    world = await make_world()
    client = world.connect("mover", HELLO)
    world.core.farewells.say(client.connection, "shutdown")

    assert client.transport.closed == (3001, "shutdown")
    assert MIGRATE not in client.received()


async def test_reply_under_way_comes_first(world: World, busy: Client) -> None:
    """Who waits for a reply is closed behind it."""
    world.core.farewells.say(busy.connection, "shutdown")
    world.core.farewells.say(busy.connection, "shutdown")
    world.core.farewells.advance()
    assert busy.transport.closed is None
    assert world.core.farewells.has_told(busy.connection)
    busy.connection.task = None
    world.core.farewells.advance()

    assert busy.transport.closed == (3001, "shutdown")
    assert counts(world) == {"closed": 1}


async def test_reply_is_not_waited_for_without_end(world: World, busy: Client, clock: Clock) -> None:
    """A command that takes for ever keeps nobody here."""
    world.core.farewells.say(busy.connection, "connection_too_old")
    clock.advance(PATIENCE)
    world.core.farewells.advance()

    assert busy.transport.closed == (3001, "connection_too_old")


async def test_client_that_leaves_while_busy_is_counted(world: World, busy: Client) -> None:
    """Whoever goes before its reply has left all the same."""
    world.core.farewells.say(busy.connection, "shutdown")
    busy.hang_up()

    assert counts(world) == {"closed": 1}


async def test_earlier_end_shortens_the_grace(world: World, clock: Clock) -> None:
    """Who was asked for its age leaves with a drain that ends before its grace."""
    client = world.connect("mover", HELLO)
    world.core.farewells.say(client.connection, "connection_too_old")
    world.core.farewells.say(client.connection, "shutdown", clock() + 1)
    clock.advance(1)
    world.core.farewells.advance()

    assert client.transport.closed == (3001, "connection_too_old")


async def test_forget_lets_them_stay(world: World, busy: Client, clock: Clock) -> None:
    """After a cancelled drain nobody is closed for it; other causes hold."""
    mover, old = world.connect("mover", HELLO), world.connect("old", HELLO)
    world.core.farewells.say(mover.connection, "shutdown")
    world.core.farewells.say(busy.connection, "shutdown")
    world.core.farewells.say(old.connection, "connection_too_old")
    world.core.farewells.forget("shutdown")
    busy.connection.task = None
    clock.advance(60)
    world.core.farewells.advance()

    assert (mover.transport.closed, busy.transport.closed) == (None, None)
    assert old.transport.closed == (3001, "connection_too_old")


async def test_failed_write_costs_one_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transport that raises is dropped; the others are told."""
    client = world.connect("mover", HELLO)

    def fail(unit: bytes) -> None:
        raise OSError

    monkeypatch.setattr(client.connection, "write", fail)
    world.core.farewells.say(client.connection, "shutdown")

    assert client.transport.closed == (1006, "")
    assert len(world.core.farewells) == 0
