"""A WebSocket over plain ASGI: one receive loop, one writer."""

import asyncio

import pytest

from holdfast.connections.transport import Handshake
from holdfast.errors import CapacityError
from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_TEXT
from holdfast.settings import WebSocketSettings
from holdfast.transports.asgi import AsgiTransport
from tests.sockets import RecordingSink

HANDSHAKE = Handshake("/", b"", [], "127.0.0.1", "ws", "attempt")
GONE = {"type": "websocket.disconnect", "code": 1001, "reason": "away"}


class Server:
    """An ASGI server whose client says what a test puts into `incoming`."""

    def __init__(self, close_timeout=60.0):
        self.incoming = asyncio.Queue()
        self.sent = []
        self.may_send = asyncio.Event()
        self.may_send.set()
        self.error = None
        self.sink = None
        settings = WebSocketSettings(max_message_bytes=1024, write_high_water=4096, close_timeout=close_timeout)
        self.transport = AsgiTransport(self.send, settings)

    async def send(self, event):
        """Take an event, as slowly as a test wants, or fail."""
        await self.may_send.wait()
        if self.error is not None:
            raise self.error
        self.sent.append(event)

    def make(self, transport, handshake):
        """Be the sink factory."""
        self.sink = RecordingSink(transport, handshake)
        return self.sink

    def start(self, make=None):
        """Run the transport in a task of its own."""
        return asyncio.create_task(self.transport.run(self.incoming.get, make or self.make, HANDSHAKE))


async def settle():
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_asgi_carries_messages_both_ways():
    """Text and bytes come in as messages and go out as events, in order."""
    server = Server()
    run = server.start()
    server.incoming.put_nowait({"type": "websocket.receive", "text": "é"})
    server.incoming.put_nowait({"type": "websocket.receive", "bytes": b"\xff", "text": None})
    await settle()
    server.transport.write(b'{"id":1}')
    server.transport.send_frame(OPCODE_BINARY, b"\x00")
    await settle()
    server.incoming.put_nowait(GONE)
    await run

    assert server.sink.events == [
        (OPCODE_TEXT, "é".encode()),
        (OPCODE_BINARY, b"\xff"),
        ("closed", 1001, "away"),
    ]
    assert server.sent == [{"type": "websocket.send", "text": '{"id":1}'}, {"type": "websocket.send", "bytes": b"\x00"}]


async def test_asgi_write_never_waits_and_reports_congestion():
    """What a slow client has not taken is counted; the sink hears of it once and again when it has shrunk."""
    server = Server()
    run = server.start()
    await settle()
    server.may_send.clear()
    for _ in range(5):
        server.transport.write(b"x" * 1000)

    assert server.transport.buffered() == 5000
    assert server.sink.events == [("congested",)]
    server.may_send.set()
    await settle()
    assert server.transport.buffered() == 0
    assert server.sink.events == [("congested",), ("drained",)]
    server.incoming.put_nowait(GONE)
    await run


async def test_asgi_reads_nothing_while_paused():
    """A paused transport leaves messages with the server."""
    server = Server()
    run = server.start()
    await settle()
    server.transport.pause_reading()
    for _ in range(3):
        server.incoming.put_nowait({"type": "websocket.receive", "text": "x"})
    await settle()
    assert len(server.sink.messages) <= 1  # the one that was being waited for

    server.transport.resume_reading()
    server.incoming.put_nowait(GONE)
    await run

    assert len(server.sink.messages) == 3


async def test_asgi_close_goes_behind_the_data():
    """The goodbye is the last event, later writes are dropped, the client's answer ends the run."""
    server = Server()
    run = server.start()
    await settle()
    server.transport.write(b"data")
    server.transport.close(3001, "shutdown")
    server.transport.close(3000, "again")
    server.transport.write(b"late")
    server.incoming.put_nowait({"type": "websocket.receive", "text": "late"})
    await settle()
    server.incoming.put_nowait({"type": "websocket.disconnect", "code": 3001})
    await run

    assert server.sent == [
        {"type": "websocket.send", "text": "data"},
        {"type": "websocket.close", "code": 3001, "reason": "shutdown"},
    ]
    assert server.sink.events == [("closed", 3001, "shutdown")]


async def test_asgi_close_gives_up_after_the_close_timeout():
    """A client that never answers does not hold the endpoint."""
    server = Server(close_timeout=0.01)
    run = server.start()
    await settle()
    server.may_send.clear()
    server.transport.close(3008, "slow_consumer")
    await run

    assert server.sink.events == [("closed", 3008, "slow_consumer")]


async def test_asgi_refuses_messages_over_the_limit():
    """The limit holds also where the server has a larger one."""
    server = Server()
    run = server.start()
    server.incoming.put_nowait({"type": "websocket.receive", "bytes": b"x" * 1025})
    server.incoming.put_nowait(GONE)
    await run

    assert server.sink.events == [("closed", 1009, "message_too_big")]


@pytest.mark.parametrize("error", [OSError("gone"), RuntimeError("after close")])
async def test_asgi_client_that_left_is_no_failure(error):
    """A server that cannot send any more says so; the end comes with its own event."""
    server = Server()
    server.error = error
    run = server.start()
    await settle()
    server.transport.write(b"x")
    await settle()
    server.incoming.put_nowait({"type": "websocket.disconnect"})
    await run

    assert server.sink.events == [("closed", 1006, "")]


async def test_asgi_sink_that_fails_costs_its_own_connection():
    """A bug in the gateway closes this connection with 3004."""
    server = Server()
    run = server.start()
    await settle()
    server.sink.on_message = lambda data, is_text: 1 / 0
    server.incoming.put_nowait({"type": "websocket.receive", "text": "x"})
    await settle()
    server.incoming.put_nowait(GONE)
    await run

    assert server.sent == [{"type": "websocket.close", "code": 3004, "reason": "server_error"}]


async def test_asgi_sink_factory_that_refuses_closes_with_its_cause():
    """A gateway error of the sink factory becomes the close code."""

    def refuse(transport, handshake):
        raise CapacityError("connection_limit")

    server = Server()
    run = server.start(refuse)
    await settle()
    server.incoming.put_nowait(GONE)
    await run

    assert server.sent == [{"type": "websocket.close", "code": 3504, "reason": "connection_limit"}]


async def test_asgi_abort_ends_at_once():
    """Nothing is waited for after an abort; without a close frame the end is 1006."""
    server = Server()
    run = server.start()
    await settle()
    server.transport.abort()
    await run

    assert server.sink.events == [("closed", 1006, "")]


async def test_asgi_cancelled_endpoint_tells_the_sink():
    """A server that cancels its tasks leaves no sink uninformed and no task behind."""
    server = Server()
    run = server.start()
    await settle()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert server.sink.events == [("closed", 1006, "")]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_asgi_endpoint_cancelled_twice_tells_the_sink():
    """A connection whose end nobody told would be counted for ever."""
    server = Server()
    server.may_send.clear()
    run = server.start()
    await settle()
    run.cancel()
    await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert server.sink.events == [("closed", 1006, "")]
