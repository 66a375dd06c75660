from __future__ import annotations

from holdfast.connections.heartbeat import Heartbeat
from holdfast.protocol.framing import POLL_JSON
from tests.live import Client, World


def world_heartbeat(world: World, first: int = 0) -> Heartbeat:
    """Give the world a heartbeat whose members all land in one bucket: ping at 0.25 s + first * 0.25 s, every 4 s."""
    heartbeat = Heartbeat(4.0, 2.0, lambda count: first)
    world.core.heartbeat = heartbeat
    return heartbeat


def pings(client: Client) -> int:
    """Return how many pings came since the last look."""
    return sum(one == {} for one in client.received())


async def test_ping_comes_once_per_interval(world: World) -> None:
    """Who answers is pinged at every interval and lives."""
    heartbeat = world_heartbeat(world)
    client = world.connect()
    client.received()
    for quarter in range(1, 81):
        heartbeat.advance(quarter * 0.25)
        if client.connection.awaiting_pong:
            client.send(b"{}")

    assert pings(client) == 5
    assert heartbeat.pings == 5
    assert client.transport.closed is None


async def test_pings_of_a_long_interval_leave_in_few_bursts(world: World) -> None:
    """An interval has 25 moments at which pings leave, however often the ring is turned."""
    counts: list[int] = []
    world.core.heartbeat = heartbeat = Heartbeat(25.0, 8.0, lambda count: counts.append(count) or count - 1)
    client = world.connect()
    client.received()
    heartbeat.advance(24.75)

    assert counts == [25]
    assert pings(client) == 0
    heartbeat.advance(25.0)
    assert pings(client) == 1


async def test_missing_pong_closes(world: World) -> None:
    """Who does not answer within the timeout is closed with 3012, not earlier."""
    heartbeat = world_heartbeat(world)
    client = world.connect()
    for quarter in range(1, 10):
        heartbeat.advance(quarter * 0.25)
    assert client.transport.closed is None
    heartbeat.advance(2.5)

    assert client.transport.closed == (3012, "no_pong")


async def test_pong_that_lay_unread_during_a_stall_counts(world: World) -> None:
    """After a stall of the loop there is one more tick to read the pongs that had come in time."""
    heartbeat = world_heartbeat(world)
    client = world.connect()
    heartbeat.advance(0.25)
    heartbeat.advance(3.75)
    client.send(b"{}")
    heartbeat.advance(4.0)

    assert client.transport.closed is None


async def test_discard_ends_the_pings(world: World) -> None:
    """A connection that is gone is not pinged."""
    heartbeat = world_heartbeat(world)
    client = world.connect()
    client.hang_up()
    heartbeat.discard(client.connection)
    heartbeat.advance(4.0)

    assert heartbeat.pings == 0


async def test_ping_minds_a_slow_reader(world: World) -> None:
    """A ping to a client whose queue is over its limit ends it."""
    heartbeat = world_heartbeat(world)
    client = world.connect()
    client.connection.on_congested()
    client.transport.queued = 2_000_000
    heartbeat.advance(0.25)

    assert client.transport.closed == (3008, "slow_consumer")


async def test_stall_longer_than_the_timeout_closes_nobody_too_early(world: World) -> None:
    """Who is pinged and looked at in the same turn after a stall has not been given its time yet."""
    heartbeat = Heartbeat(4.0, 2.0, lambda count: 4)
    world.core.heartbeat = heartbeat
    client = world.connect()
    heartbeat.advance(3.9)
    assert client.connection.awaiting_pong
    heartbeat.advance(4.15)
    client.send(b"{}")

    assert client.transport.closed is None


async def test_ping_that_raises_costs_nobody_else_its_ping(world: World) -> None:
    """A transport that fails ends its own connection."""
    heartbeat = world_heartbeat(world)
    broken, other = world.connect("broken"), world.connect("other")
    other.received()

    def fails(unit: bytes) -> None:
        raise RuntimeError("the handle is closed")

    broken.connection.write = fails
    heartbeat.advance(0.25)

    assert broken.transport.closed == (1006, "")
    assert pings(other) == 1


async def test_transport_without_pings_is_left_alone(world: World) -> None:
    """Where the transport itself knows who is there, nobody is pinged, closed for a missing pong, or told of either."""
    heartbeat = world_heartbeat(world)
    client = world.open(POLL_JSON, session="abc")
    reply = client.call("connect", token=world.token())
    assert not {"ping", "pong"} & reply["connect"].keys()

    for quarter in range(1, 81):
        heartbeat.advance(quarter * 0.25)
    assert client.received() == []
    assert client.transport.closed is None

    client.hang_up()
    assert heartbeat.pings == 0


async def test_pong_tells_the_round_trip(world: World) -> None:
    """The time from the bucket's ping to a connection's pong is kept in whole milliseconds, at least one."""
    heartbeat = world_heartbeat(world)
    client = world.connect()
    assert client.connection.rtt == 0
    heartbeat.advance(0.25, world.clock())
    world.clock.now += 0.032
    client.send(b"{}")
    assert client.connection.rtt == 32
    heartbeat.advance(4.5, world.clock())
    client.send(b"{}")

    assert client.connection.rtt == 1


async def test_transport_without_pings_has_no_round_trip(world: World) -> None:
    """Who is never pinged has none."""
    assert world.core.heartbeat.rtt(-1, 5.0) == 0


async def test_quiet_seconds_count_from_the_last_ping(world: World) -> None:
    """What is known of the time without traffic begins with the bucket's last ping; without pings nothing is."""
    heartbeat = world_heartbeat(world)
    heartbeat.advance(0.25, 100.0)

    assert heartbeat.quiet_seconds(0, 101.5) == 1.5
    assert heartbeat.quiet_seconds(-1, 101.5) == 0.0
