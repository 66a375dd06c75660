"""Our socket in ASGI events."""

import asyncio

import pytest

from holdfast.protocol.frames import OPCODE_BINARY, OPCODE_TEXT
from holdfast.server.events import AsgiEvents


class Socket:
    """A socket that remembers."""

    def __init__(self):
        self.frames = []
        self.closed = []
        self.is_reading = True

    def send_frame(self, opcode, payload):
        """Remember."""
        self.frames.append((opcode, payload))

    def close(self, code, reason):
        """Remember."""
        self.closed.append((code, reason))

    def pause_reading(self):
        """Remember."""
        self.is_reading = False

    def resume_reading(self):
        """Remember."""
        self.is_reading = True


@pytest.fixture
def socket():
    """A socket that remembers."""
    return Socket()


async def test_events_carry_messages_to_the_application(socket):
    """Text and bytes come as messages; `receive` waits for the next."""
    events = AsgiEvents(socket)
    waiting = asyncio.create_task(events.receive())
    await asyncio.sleep(0)

    events.on_message("é".encode(), True)
    events.on_message(b"\xff", False)

    assert await waiting == {"type": "websocket.receive", "text": "é"}
    assert await events.receive() == {"type": "websocket.receive", "bytes": b"\xff"}


async def test_events_stop_reading_when_the_application_is_slow(socket):
    """At 32 waiting messages the socket is paused, and read again once all are taken."""
    events = AsgiEvents(socket)
    for _ in range(32):
        events.on_message(b"x", True)
    assert not socket.is_reading

    for _ in range(31):
        await events.receive()
    assert not socket.is_reading
    await events.receive()

    assert socket.is_reading


async def test_events_carry_messages_to_the_client(socket):
    """Text, bytes and a close become frames."""
    events = AsgiEvents(socket)

    await events.send({"type": "websocket.send", "text": "é"})
    await events.send({"type": "websocket.send", "bytes": b"\xff", "text": None})
    await events.send({"type": "websocket.close"})

    assert socket.frames == [(OPCODE_TEXT, "é".encode()), (OPCODE_BINARY, b"\xff")]
    assert socket.closed == [(1000, "")]


async def test_events_let_the_application_wait_for_a_slow_client(socket):
    """`send` waits while the socket is congested."""
    events = AsgiEvents(socket)
    events.on_congested()
    sending = asyncio.create_task(events.send({"type": "websocket.send", "text": "x"}))
    await asyncio.sleep(0)
    assert socket.frames == []

    events.on_drained()
    await sending

    assert socket.frames == [(OPCODE_TEXT, b"x")]


async def test_events_end_once_and_for_all(socket):
    """After the end `receive` says so every time, and `send` fails as ASGI asks, also one that was waiting."""
    events = AsgiEvents(socket)
    events.on_congested()
    sending = asyncio.create_task(events.send({"type": "websocket.send", "text": "x"}))
    await asyncio.sleep(0)
    events.on_closed(1001, "away")

    gone = {"type": "websocket.disconnect", "code": 1001, "reason": "away"}
    assert [await events.receive(), await events.receive()] == [gone, gone]
    with pytest.raises(OSError, match="closed"):
        await sending


async def test_events_refuse_what_has_no_place(socket):
    """A second accept is a mistake of the application."""
    with pytest.raises(RuntimeError, match=r"websocket\.accept"):
        await AsgiEvents(socket).send({"type": "websocket.accept"})
