from __future__ import annotations

import json

import pytest

from holdfast.protocol.compression import Compression
from holdfast.protocol.framing import RAW_PROTOBUF, WS_JSON
from tests.brokers import Clock
from tests.live import World
from tests.unit.connections.conftest import MakeWorld

CONNECT = {"id": 1, "connect": {}}


@pytest.mark.parametrize(
    ("message", "slug"),
    [
        (b"\n", "empty_frame"),
        (b"", "empty_frame"),
        (b"x", "malformed_json"),
        (b"[]", "malformed_command"),
        (b'{"id":"1"}', "malformed_command"),
        (b'{"id":-1,"ping":{}}', "malformed_command"),
        (b'{"id":1}', "unknown_command"),
        (b'{"id":1,"dance":{}}', "unknown_command"),
        (b'{"connect":{}}', "command_id_missing"),
        (b'{"id":1,"subscribe":{"channel":"a"}}', "not_connected"),
        (b'{"id":1,"subscribe":{},"publish":{}}', "ambiguous_command"),
        (b"{}", "not_connected"),
        (b"[" * 60000, "malformed_command"),
        (b'{"id":1,"connect":{"data":' + b"[" * 60000, "malformed_json"),
        (b"\xff\xfe", "malformed_json"),
    ],
)
async def test_on_message_with_what_is_no_command_closes(world: World, message: bytes, slug: str) -> None:
    """Anything but commands after a connect ends the connection under its own name."""
    client = world.open()
    client.send(message)
    number = 3501

    assert client.transport.closed == (number, slug)


async def test_on_message_in_binary_closes(world: World) -> None:
    """A codec of text takes no binary frames."""
    client = world.open()
    client.connection.on_message(json.dumps(CONNECT).encode(), False)

    assert client.transport.closed == (3501, "binary_frame")


async def test_on_message_in_text_closes_a_binary_connection(world: World) -> None:
    """A binary codec takes no text frames."""
    client = world.open(RAW_PROTOBUF)
    client.connection.on_message(b"{}", True)

    assert client.transport.closed == (3501, "text_frame")


@pytest.mark.parametrize(
    ("message", "slug"),
    [
        (b"", "empty_frame"),
        (b"\x80", "malformed_protobuf"),
        (b"\x04\x08\x01", "malformed_protobuf"),
        (b"\x06\x08\xff\xff\xff\xff\x7f", "malformed_command"),
        (b"\x02\x08\x01", "unknown_command"),
        (b"\x02\x22\0", "command_id_missing"),
        (b"\x04\x08\x01\x2a\0", "not_connected"),
        (b"\x06\x08\x01\x22\0\x2a\0", "ambiguous_command"),
        (b"\0", "not_connected"),
    ],
)
async def test_on_message_with_what_is_no_protobuf_command_closes(world: World, message: bytes, slug: str) -> None:
    """Protobuf has the names that JSON has for what is no command, and one of its own for what is no Protobuf."""
    client = world.open(RAW_PROTOBUF)
    client.send(message)

    assert client.transport.closed == (3501, slug)


async def test_replies_to_a_batch_leave_in_one_message_in_order(world: World) -> None:
    """A batch of commands is answered by one message with a line for each."""
    client = world.connect()
    client.received()
    client.send(*({"id": number, "publish": {"channel": "a", "data": number}} for number in range(2, 6)))

    assert client.transport.units[-1].count(b"\n") == 3
    assert [one["id"] for one in client.received()] == [2, 3, 4, 5]


async def test_batch_ends_at_the_command_that_closes(world: World) -> None:
    """What was answered before a fatal command is still sent, what follows is not done."""
    client = world.connect()
    client.received()
    client.send({"id": 2, "publish": {"channel": "a", "data": 1}}, {"id": 3}, {"id": 4, "ping": {}})

    assert [one["id"] for one in client.received()] == [2]
    assert client.transport.closed == (3501, "unknown_command")


async def test_pushes_keep_their_place_between_collected_replies(world: World) -> None:
    """A push during a batch comes after the replies that were made before it."""
    client = world.connect()
    client.received()
    client.connection.collect()
    client.connection.send(b'{"id":1}')
    client.connection.write_slow(b'{"push":1}')
    client.connection.send(b'{"id":2}')
    client.connection.release()

    assert [list(one) for one in client.received()] == [["id"], ["push"], ["id"]]
    assert client.connection.flowing


async def test_slow_reader_is_closed_at_its_limit(world: World) -> None:
    """A client that does not read is closed with 3008 once its queue is over the limit, and nobody else is."""
    slow, other = world.connect("slow"), world.connect("other")
    for client in (slow, other):
        client.call("subscribe", channel="a")
    slow.transport.queued = 2_000_000
    slow.connection.on_congested()

    assert slow.transport.closed == (3008, "slow_consumer")
    other.call("publish", channel="a", data=1)
    assert [push["channel"] for push in await other.pushes()][-1] == "a"
    assert other.transport.closed is None


async def test_congested_reader_below_its_limit_stays(world: World) -> None:
    """A queue that is long but below the limit is kept, and flows again once it is drained."""
    client = world.connect()
    client.call("subscribe", channel="a")
    client.transport.queued = 100_000
    client.connection.on_congested()
    client.call("publish", channel="a", data=1)
    assert len(await client.pushes()) == 1
    client.connection.on_drained()

    assert client.connection.flowing
    assert client.transport.closed is None


async def test_congested_reader_is_closed_when_a_write_goes_over(world: World) -> None:
    """The limit is looked at with every write while the reader is slow."""
    client = world.connect()
    client.connection.on_congested()
    client.transport.queued = 2_000_000
    client.connection.write_slow(b"{}")

    assert client.transport.closed == (3008, "slow_consumer")


async def test_command_rate_has_burst_and_sustained_limit(make_world: MakeWorld, clock: Clock) -> None:
    """A burst passes, one more is closed; after a pause the sustained rate passes for ever."""
    world = await make_world(client={"command_rate": 10, "command_burst": 20})
    steady = world.connect("steady")
    for _ in range(200):
        clock.advance(0.1)
        steady.call("ping")
    greedy = world.connect("greedy")
    for _ in range(19):
        greedy.call("ping")
    assert greedy.transport.closed is None
    greedy.send({"id": 99, "ping": {}})

    assert greedy.transport.closed == (3013, "command_rate_limit")
    assert steady.transport.closed is None


async def test_pongs_that_nobody_asked_for_count_as_commands(make_world: MakeWorld) -> None:
    """A flood of pongs ends like one of commands, but the pong that is due is free."""
    world = await make_world(client={"command_rate": 10, "command_burst": 20})
    flooding, asked = world.connect("flooding"), world.connect("asked")
    for _ in range(19):
        flooding.send("{}")
        asked.send("{}")
    asked.connection.awaiting_pong = True
    asked.send("{}")
    assert flooding.transport.closed is asked.transport.closed is None
    flooding.send("{}")

    assert flooding.transport.closed == (3013, "command_rate_limit")


async def test_command_rate_can_be_switched_off(make_world: MakeWorld) -> None:
    """A rate of 0 is no limit."""
    world = await make_world(client={"command_rate": 0})
    client = world.connect()
    for _ in range(1000):
        client.call("ping")

    assert client.transport.closed is None


async def test_close_is_told_once(world: World) -> None:
    """The first cause wins, whatever follows."""
    client = world.connect()
    client.connection.close("shutdown")
    client.connection.close("no_pong")
    client.send({"id": 5, "ping": {}})
    client.hang_up(3001, "shutdown")

    assert client.transport.closed == (3001, "shutdown")
    assert dict(world.core.stats.closes) == {"shutdown": 1}


async def test_close_with_a_number_of_the_application(world: World) -> None:
    """An application's own number and reason reach the client as they are."""
    client = world.connect()
    client.connection.close("application", number=4321, reason="bye")

    assert client.transport.closed == (4321, "bye")


@pytest.mark.parametrize(
    ("code", "reason", "slug"),
    [
        (1006, "", "client_gone"),
        (1000, "", "client_closed"),
        (1001, "going away", "client_closed"),
        (1002, "frame_unmasked", "frame_unmasked"),
        (1000, "frame_unmasked", "client_closed"),
    ],
)
async def test_on_closed_names_the_cause(world: World, code: int, reason: str, slug: str) -> None:
    """An end that the gateway did not ask for has a name all the same, and a client cannot choose it."""
    client = world.connect()
    client.hang_up(code, reason)

    assert dict(world.core.stats.closes) == {slug: 1}


async def test_nothing_is_written_after_the_end(world: World) -> None:
    """Whatever still comes for a client that is gone is dropped."""
    client = world.connect()
    client.hang_up()
    client.received()
    client.connection.send(b"{}")
    client.connection.write(b"{}")
    client.connection.write_slow(b"{}")

    assert client.received() == []


async def test_frames_are_wrapped_for_the_transport(world: World) -> None:
    """On a transport that owns its socket replies are finished frames."""
    client = world.open(WS_JSON)
    client.send({"id": 1, "connect": {"token": world.token()}})

    assert client.transport.units[0][0] == 0x81


async def test_inbox_has_a_limit(make_world: MakeWorld) -> None:
    """Commands that pile up behind one that waits end the connection."""
    world = await make_world(client={"inbox_limit": 2})
    client = world.connect()
    client.connection.task = object()  # type: ignore[assignment]  # a command that is being answered
    for number in range(2, 5):
        client.send({"id": number, "ping": {}})

    assert client.transport.closed == (4101, "inbox_overflow")


async def test_inbox_has_a_limit_in_bytes(make_world: MakeWorld) -> None:
    """Few but large commands that pile up end the connection too, since they are kept as they came."""
    world = await make_world(client={"queue_max_size": 65536})
    client = world.connect()
    client.connection.task = object()  # type: ignore[assignment]  # a command that is being answered
    for number in range(2, 5):
        client.send({"id": number, "publish": {"channel": "a", "data": "x" * 30_000}})

    assert client.transport.closed == (4101, "inbox_overflow")


async def test_pong_among_commands_counts(world: World) -> None:
    """A pong in one message with commands is a pong, and they are answered."""
    client = world.connect()
    client.received()
    client.connection.awaiting_pong = True
    client.send({"id": 2, "ping": {}}, "{}", {"id": 3, "ping": {}})

    assert not client.connection.awaiting_pong
    assert [one["id"] for one in client.received()] == [2, 3]
    client.send("{}", "{}")
    assert client.transport.closed is None


async def test_long_replies_are_not_collected(world: World) -> None:
    """A batch of commands with long answers does not gather them all in memory first."""
    client = world.connect()
    for _ in range(10):
        client.call("publish", channel="a", data="x" * 2000)
    sent = len(client.transport.units)
    client.send(*({"id": number, "history": {"channel": "a", "limit": 10}} for number in range(20, 25)))

    assert len(client.transport.units) == sent + 5


async def test_long_replies_are_not_compressed(world: World) -> None:
    """A short command cannot ask for much work; one reply and those to a batch alike."""
    client = world.open(Compression(0, 1).encoding(WS_JSON, 12))
    connection, units = client.connection, client.transport.units
    connection.send(b"1" * 65536)
    connection.send(b"1" * 65537)
    connection.collect()
    for _ in range(5):
        connection.send(b"1" * 16000)
    connection.release()

    assert [unit[0] for unit in units] == [0xC1, 0x81, 0x81]


async def test_many_replies_leave_in_parts_and_let_the_loop_turn(world: World) -> None:
    """A batch of hundreds of commands neither holds the loop nor loses the order."""
    client = world.connect()
    client.received()
    client.send(*({"id": number, "ping": {}} for number in range(1, 201)))
    assert client.connection.task is not None
    await world.turn()

    assert [one["id"] for one in client.received()] == list(range(1, 201))
    assert client.connection.task is None


async def test_flush_that_ends_the_connection_sends_nothing_twice(world: World) -> None:
    """A reader found too slow by the very write of its replies gets them once, and nothing behind the close."""
    client = world.connect()
    client.received()
    units = client.transport.units

    def write(unit: bytes) -> None:
        units.append(unit)
        client.transport.queued = 2_000_000
        client.connection.on_congested()

    client.connection.write = write
    client.send({"id": 2, "ping": {}}, {"id": 3, "ping": {}})
    client.connection.write_slow(b"{}")

    assert [one["id"] for one in client.received()] == [2, 3]
    assert client.transport.closed == (3008, "slow_consumer")
    client.connection.close("shutdown")
    assert client.connection.ending == "slow_consumer"


async def test_close_whose_flush_ends_the_connection_keeps_its_cause(world: World) -> None:
    """Whatever ended it first is the cause, on the wire and in the counts."""
    client = world.connect()
    client.connection.collect()
    client.connection.send(b'{"id":9}')

    def write(unit: bytes) -> None:
        client.transport.queued = 2_000_000
        client.connection.on_congested()

    client.connection.write = write
    client.connection.close("shutdown")
    client.hang_up()

    assert client.transport.closed == (3008, "slow_consumer")
    assert dict(world.core.stats.closes) == {"slow_consumer": 1}


async def test_write_that_raises_ends_only_its_connection(world: World) -> None:
    """A transport that fails costs its own connection; the others get their publication."""
    broken, other = world.connect("broken"), world.connect("other")
    for client in (broken, other):
        client.call("subscribe", channel="a")
    await other.pushes()

    def fails(unit: bytes) -> None:
        raise RuntimeError("the handle is closed")

    broken.connection.write = fails
    other.call("publish", channel="a", data=1)
    assert [push["pub"]["data"] for push in await other.pushes() if "pub" in push] == [1]
    broken.connection.on_write_failed(RuntimeError("again"))
    broken.hang_up()

    assert broken.transport.closed == (1006, "")
    assert dict(world.core.stats.closes) == {"write_error": 1}
    assert world.hub.count("a") == 1
