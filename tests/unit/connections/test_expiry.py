from __future__ import annotations

from holdfast.connections.control import Target
from holdfast.connections.subscription import Grant
from tests.brokers import Clock
from tests.live import World


async def test_handshake_without_connect_ends(world: World, clock: Clock) -> None:
    """Who says nothing is closed with a retryable number when the timeout is over, not earlier."""
    client = world.open()
    clock.advance(29)
    world.core.expiry.advance()
    assert client.transport.closed is None
    clock.advance(1.5)
    world.core.expiry.advance()

    assert client.transport.closed == (4100, "handshake_timeout")
    assert not world.manager.opening


async def test_handshake_counts_from_the_accepted_socket(world: World, clock: Clock) -> None:
    """Time that the HTTP part took is part of the one timeout."""
    client = world.open()
    world.core.expiry.handshake_done(client.connection)
    world.core.expiry.watch_handshake(client.connection, clock() - 29)
    clock.advance(1.5)
    world.core.expiry.advance()

    assert client.transport.closed == (4100, "handshake_timeout")


async def test_handshake_that_ended_in_time_is_forgotten(world: World, clock: Clock) -> None:
    """After connect the deadline is gone."""
    client = world.connect()
    clock.advance(40)
    world.core.expiry.advance()

    assert client.transport.closed is None


async def test_session_ends_after_its_grace(world: World, clock: Clock) -> None:
    """An expired token leaves time for a refresh, then the connection is closed with 3005."""
    client = world.connect()
    clock.advance(624)
    world.core.expiry.advance()
    assert client.transport.closed is None
    clock.advance(1.5)
    world.core.expiry.advance()

    assert client.transport.closed == (3005, "connection_expired")


async def test_subscription_ends_after_its_grace(world: World, clock: Clock) -> None:
    """A subscription whose token lapsed is ended with 2501, so that the SDK subscribes anew; the session stays."""
    client = world.connect(exp=int(clock()) + 10_000)
    client.call("subscribe", channel="$p", token=world.token(channel="$p"))
    clock.advance(626)
    world.core.expiry.advance()
    pushes = await client.pushes()

    assert pushes == [{"channel": "$p", "unsubscribe": {"code": 2501, "reason": "subscription_token_lapsed"}}]
    assert client.transport.closed is None
    assert "subscribe" in client.call("subscribe", channel="$p", token=world.token(channel="$p"))


async def test_server_side_subscription_ends_the_connection(world: World, clock: Clock) -> None:
    """The client cannot renew a server-side subscription by itself, so it connects anew."""

    client = world.connect(exp=int(clock()) + 10_000)
    grant = Grant(expire_at=int(clock()) + 10, server_side=True)
    await world.control.subscribe(Target("anna"), "a", grant)
    clock.advance(36)
    world.core.expiry.advance()

    assert client.transport.closed == (3006, "subscription_expired")


async def test_deadline_of_what_is_gone_is_ignored(world: World, clock: Clock) -> None:
    """A subscription or session that ended before its deadline leaves nothing to do."""
    client = world.connect(exp=int(clock()) + 10_000)
    client.call("subscribe", channel="$p", token=world.token(channel="$p"))
    client.call("unsubscribe", channel="$p")
    other = world.connect("bob")
    other.hang_up()
    clock.advance(700)
    world.core.expiry.advance()

    assert client.transport.closed is None
