from __future__ import annotations

import gc
import weakref

from holdfast.connections.lifecycle import Phase
from holdfast.connections.manager import selected
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


async def test_departure_before_connect_is_clean(world: World) -> None:
    """Who leaves in the handshake is forgotten."""
    client = world.open()
    client.hang_up()

    assert world.manager.everybody() == []
    assert dict(world.core.stats.closes) == {"client_gone": 1}


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
