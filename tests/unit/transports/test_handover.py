"""A WebSocket by callbacks: opening, frames, congestion, and every way it can end."""

import asyncio
import errno
import gc
import weakref
from dataclasses import replace

import pytest

from holdfast.connections.transport import Handshake
from holdfast.errors import CapacityError
from holdfast.protocol.compression import Compression
from holdfast.protocol.deflate import deflate
from holdfast.protocol.frames import (
    COMPRESSED,
    OPCODE_BINARY,
    OPCODE_PING,
    OPCODE_PONG,
    OPCODE_TEXT,
    encode_close,
    encode_frame,
)
from holdfast.protocol.framing import WS_JSON
from holdfast.settings import WebSocketSettings
from holdfast.transports.handover import SocketContext, WebSocketTransport
from tests.sockets import FakeLoop, FakeTransport, RecordingSink, client_close, client_frame

HANDSHAKE = Handshake("/", b"", [], "127.0.0.1", "ws", "attempt")
COMPRESSING = replace(HANDSHAKE, encoding=Compression(0, 1).encoding(WS_JSON, 12))
CLOSE_TIMEOUT = 1.0


class Opened:
    """A connection that was handed over to a recording sink."""

    def __init__(self, *, has_eof=True, sinks=RecordingSink, early=b"", handshake=HANDSHAKE):
        self.loop = FakeLoop()
        self.wire = FakeTransport(has_eof=has_eof)
        settings = WebSocketSettings(max_message_bytes=1024, close_timeout=CLOSE_TIMEOUT)
        self.context = SocketContext(settings, self.loop)
        self.socket = WebSocketTransport(self.wire, self.context)
        self.was_reading = self.wire.is_reading
        self.sink = None

        def make(transport, handshake):
            self.sink = sinks(transport, handshake)
            return self.sink

        self.socket.attach(make, handshake, early)

    @property
    def events(self):
        """What the sink heard."""
        return self.sink.events

    @property
    def sent(self):
        """What was written."""
        return bytes(self.wire.sent)

    def receive(self, data):
        """Let the loop read `data` into the shared buffer."""
        buffer = self.socket.get_buffer(-1)
        buffer[: len(data)] = data
        self.socket.buffer_updated(len(data))


@pytest.fixture
def opened():
    """A connection that is open."""
    return Opened()


def test_socket_reads_once_it_has_a_sink(opened):
    """Nothing is read before the handshake is answered."""
    assert not opened.was_reading
    assert opened.wire.is_reading
    assert opened.wire.protocol is opened.socket
    assert opened.wire.limits == {"high": opened.context.write_high_water}
    assert opened.sink.handshake is HANDSHAKE


def test_socket_takes_bytes_that_came_with_the_handshake():
    """Frames behind the request are not lost."""
    opened = Opened(early=client_frame(OPCODE_TEXT, b"early"))

    assert opened.events == [(OPCODE_TEXT, b"early")]


def test_socket_that_was_lost_meanwhile_gets_no_sink():
    """A client that left during the handshake costs nothing."""
    wire = FakeTransport()
    socket = WebSocketTransport(wire, SocketContext(WebSocketSettings(), FakeLoop()))

    socket.connection_lost(None)
    socket.attach(pytest.fail, HANDSHAKE)

    assert socket.is_lost


def test_sink_that_refuses_closes_with_its_cause():
    """A gateway error of the sink factory becomes the close code."""

    def refuse(transport, handshake):
        raise CapacityError("connection_limit")

    opened = Opened(sinks=refuse)

    assert opened.sent == encode_close(3504, "connection_limit")


@pytest.mark.parametrize("cut", [1, 3, 6, 9, 100])
def test_socket_delivers_messages_however_they_are_cut(opened, cut):
    """Whole, split and joined reads give the same messages, and no parser stays behind."""
    data = (
        client_frame(OPCODE_TEXT, b"one") + client_frame(OPCODE_BINARY, b"two") + client_frame(OPCODE_TEXT, b"\xc3\xa9")
    )

    for start in range(0, len(data), cut):
        opened.receive(data[start : start + cut])

    assert opened.events == [(OPCODE_TEXT, b"one"), (OPCODE_BINARY, b"two"), (OPCODE_TEXT, b"\xc3\xa9")]
    assert opened.socket._parser is None


def test_socket_writes_frames(opened):
    """`write` takes finished frames, `send_frame` makes them."""
    opened.socket.write(b"raw")
    opened.socket.send_frame(OPCODE_BINARY, b"x")

    assert opened.sent == b"raw" + encode_frame(OPCODE_BINARY, b"x")


def test_socket_answers_pings_and_ignores_pongs(opened):
    """Each ping has its pong, in order, and the sink hears of neither."""
    opened.receive(client_frame(OPCODE_PING, b"1") + client_frame(OPCODE_PONG, b"?") + client_frame(OPCODE_PING, b"2"))

    assert opened.sent == encode_frame(OPCODE_PONG, b"1") + encode_frame(OPCODE_PONG, b"2")
    assert opened.events == []


def test_socket_answers_the_last_ping_of_a_congested_peer(opened):
    """Pings to a peer that does not read cost nothing; the last is answered when it reads again."""
    opened.wire.unsent = 10**6
    for number in range(100):
        opened.receive(client_frame(OPCODE_PING, b"%d" % number))
    assert opened.sent == b""

    opened.socket.resume_writing()

    assert opened.sent == encode_frame(OPCODE_PONG, b"99")
    opened.socket.resume_writing()
    assert opened.sent == encode_frame(OPCODE_PONG, b"99")


def test_socket_reports_congestion(opened):
    """pause_writing and resume_writing reach the sink, and `buffered` tells how much waits."""
    opened.wire.unsent = 7
    opened.socket.pause_writing()
    opened.socket.resume_writing()

    assert opened.events == [("congested",), ("drained",)]
    assert opened.socket.buffered() == 7


def test_socket_pauses_reading_when_asked(opened):
    """The sink decides how fast is read."""
    opened.socket.pause_reading()
    assert not opened.wire.is_reading
    opened.socket.resume_reading()
    assert opened.wire.is_reading


def test_peer_close_is_echoed_and_told_once(opened):
    """The code comes back, the socket closes behind it, the sink hears code and reason."""
    opened.receive(client_close(4321, "bye"))

    assert opened.sent == encode_close(4321)
    assert opened.wire.is_closed
    assert opened.events == [("closed", 4321, "bye")]
    opened.socket.connection_lost(None)
    assert opened.events == [("closed", 4321, "bye")]


def test_peer_close_that_cannot_be_flushed_is_aborted(opened):
    """A peer that never reads our answer is dropped after the close timeout."""
    opened.receive(client_close(1000))
    assert not opened.wire.is_aborted

    opened.loop.advance(CLOSE_TIMEOUT + 0.1)

    assert opened.wire.is_aborted


def test_own_close_waits_for_the_peers(opened):
    """Our close frame goes behind the data; the peer's ends the connection; what comes between is ignored."""
    opened.socket.write(b"data")
    opened.socket.pause_reading()
    opened.socket.close(3001, "shutdown")
    opened.socket.close(3000, "again")
    opened.socket.write(b"too late")
    opened.receive(client_frame(OPCODE_TEXT, b"late") + client_frame(OPCODE_PING, b"late"))
    assert opened.sent == b"data" + encode_close(3001, "shutdown")
    assert opened.wire.is_reading
    assert not opened.wire.is_closed

    opened.receive(client_close(3001))

    assert opened.wire.is_closed
    assert opened.sent == b"data" + encode_close(3001, "shutdown")
    assert opened.events == [("closed", 3001, "shutdown")]


def test_own_close_is_aborted_after_the_close_timeout(opened):
    """A peer that does not answer is dropped, and the sink hears our code."""
    opened.socket.close(3008, "slow_consumer")
    opened.loop.advance(CLOSE_TIMEOUT + 0.1)
    assert opened.wire.is_aborted

    opened.socket.connection_lost(None)

    assert opened.events == [("closed", 3008, "slow_consumer")]
    assert not opened.context.closing


@pytest.mark.parametrize(
    ("data", "code", "slug"),
    [
        (b"\x81\x01x", 1002, "frame_unmasked"),
        (client_frame(OPCODE_TEXT, b"\xff"), 1007, "invalid_utf8"),
        (client_frame(OPCODE_TEXT, b"x" * 1025)[:8], 1009, "message_too_big"),
    ],
)
def test_violation_closes_with_its_cause(opened, data, code, slug):
    """The peer is told, what it goes on sending is thrown away, and the socket is dropped in time."""
    opened.receive(data)
    opened.receive(b"\xff" * 1000)

    assert opened.sent == encode_close(code, slug)
    assert opened.wire.has_sent_eof
    assert opened.wire.is_reading
    assert opened.events == [("closed", code, slug)]
    opened.loop.advance(CLOSE_TIMEOUT + 0.1)
    assert opened.wire.is_aborted


def test_violation_over_tls_closes_at_once():
    """TLS has no half-closed state to linger in."""
    opened = Opened(has_eof=False)

    opened.receive(b"\xff\xff")

    assert opened.wire.is_closed


def test_violation_while_closing_keeps_our_code(opened):
    """A peer that answers our close frame with nonsense changes nothing about the cause, and is told nothing more."""
    opened.socket.close(3001, "shutdown")
    opened.receive(b"\xff\xff")

    assert opened.sent == encode_close(3001, "shutdown")
    assert opened.events == [("closed", 3001, "shutdown")]


def test_lost_socket_is_abnormal(opened):
    """An end without a close frame is 1006, and everything may still be called."""
    opened.socket.connection_lost(ConnectionResetError())

    opened.socket.write(b"x")
    opened.socket.send_frame(OPCODE_TEXT, b"x")
    opened.socket.close(1000, "")
    opened.socket.abort()
    opened.socket.pause_reading()
    opened.socket.resume_reading()
    opened.socket.refuse(b"x")
    opened.socket.pause_writing()
    opened.socket.resume_writing()
    assert opened.socket.buffered() == 0
    assert opened.events == [("closed", 1006, "")]
    assert opened.sent == b""


def test_abort_drops_at_once(opened):
    """Nothing is written after an abort."""
    opened.socket.abort()
    opened.socket.write(b"x")

    assert opened.wire.is_aborted
    assert opened.sent == b""


def test_sink_that_fails_costs_its_own_connection(opened, monkeypatch):
    """A bug in the gateway closes this connection with 3004 and is logged."""
    monkeypatch.setattr(opened.sink, "on_message", lambda data, is_text: 1 / 0)

    opened.receive(client_frame(OPCODE_TEXT, b"x"))

    assert opened.sent == encode_close(3004, "server_error")


def test_message_that_closes_stops_the_rest_of_the_read(opened, monkeypatch):
    """After the sink closed, further messages of the same read are not delivered."""
    heard = []

    def on_message(data, is_text):
        heard.append(data)
        opened.socket.close(3000, "connection_closed")

    monkeypatch.setattr(opened.sink, "on_message", on_message)
    opened.receive(client_frame(OPCODE_TEXT, b"one") + client_frame(OPCODE_TEXT, b"two"))

    assert heard == [b"one"]


def test_refused_handshake_is_answered_and_closed():
    """The HTTP answer is the last thing on the socket."""
    wire = FakeTransport()
    socket = WebSocketTransport(wire, SocketContext(WebSocketSettings(), FakeLoop()))

    socket.refuse(b"HTTP/1.1 403 Forbidden\r\n\r\n")
    socket.write(b"more")

    assert bytes(wire.sent) == b"HTTP/1.1 403 Forbidden\r\n\r\n"
    assert wire.is_closed


def test_socket_is_small_and_buffered():
    """No dict per connection, one buffer for all, and the loop takes it for a BufferedProtocol."""
    first, second = Opened().socket, Opened().socket

    assert not hasattr(first, "__dict__")
    assert isinstance(first, asyncio.BufferedProtocol)
    assert first.get_buffer(-1) is second.get_buffer(-1)
    assert first.get_buffer is second.get_buffer  # uvloop keeps it for each connection
    assert first.data_received is second.data_received


def test_lost_socket_is_freed_without_the_collector():
    """Nothing holds a connection after its end, not even a cycle."""
    gc.disable()
    try:
        opened = Opened()
        sink = weakref.ref(opened.sink)
        opened.receive(client_frame(OPCODE_TEXT, b"x"))
        opened.receive(b"\x81")
        opened.socket.connection_lost(None)
        opened.sink.transport = None
        opened.sink = None
        assert sink() is None
    finally:
        gc.enable()


def compressed(opcode, message, **more):
    """Return a client's compressed frame."""
    return client_frame(COMPRESSED | opcode, deflate(message, 1, 15), **more)


@pytest.mark.parametrize("cut", [1, 5, 1000])
def test_socket_decompresses_where_that_was_agreed_on(cut):
    """Compressed messages and others come out alike, however they are cut, and no parser stays behind."""
    opened = Opened(handshake=COMPRESSING)
    data = (
        compressed(OPCODE_TEXT, b"one")
        + client_frame(OPCODE_TEXT, b"two")
        + compressed(OPCODE_BINARY, b"\xff" * 500)
        + compressed(OPCODE_TEXT, b"")
    )

    for start in range(0, len(data), cut):
        opened.receive(data[start : start + cut])

    assert opened.events == [
        (OPCODE_TEXT, b"one"),
        (OPCODE_TEXT, b"two"),
        (OPCODE_BINARY, b"\xff" * 500),
        (OPCODE_TEXT, b""),
    ]
    assert opened.socket._parser is None


@pytest.mark.parametrize(
    ("frame", "code", "slug"),
    [
        (compressed(OPCODE_TEXT, b"x" * 1025), 1009, "message_too_big"),
        (compressed(OPCODE_TEXT, b"\xff"), 1007, "invalid_utf8"),
        (client_frame(COMPRESSED | OPCODE_TEXT, b"\xff"), 1007, "frame_deflate_malformed"),
        (client_frame(COMPRESSED | OPCODE_PING, b""), 1002, "frame_reserved_bits"),
    ],
)
def test_socket_fails_bad_compression(frame, code, slug):
    """Bombs, broken text and broken data each close with their cause, and what follows is not looked at."""
    opened = Opened(handshake=COMPRESSING)

    opened.receive(frame + compressed(OPCODE_TEXT, b"later"))

    assert opened.sent == encode_close(code, slug)
    assert opened.events == [("closed", code, slug)]


def test_socket_without_compression_refuses_the_mark(opened):
    """Nobody compresses what was not agreed on."""
    opened.receive(compressed(OPCODE_TEXT, b"one"))

    assert opened.events == [("closed", 1002, "frame_reserved_bits")]


def test_socket_that_is_closing_decompresses_nothing(monkeypatch):
    """A few bytes can ask for much work; after our goodbye nobody needs it done."""
    opened = Opened(handshake=COMPRESSING)
    opened.socket.close(3000, "enough")
    monkeypatch.setattr("holdfast.transports.handover.decompress", pytest.fail)

    opened.receive(compressed(OPCODE_TEXT, b"x" * 1000) * 50 + client_close(3000))

    assert opened.events == [("closed", 3000, "enough")]


def test_end_by_the_kernel_has_a_cause_of_its_own():
    """A peer that acknowledged nothing is told from one that hung up."""
    opened = Opened()
    opened.socket.connection_lost(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))

    assert opened.events[-1] == ("closed", 1006, "ack_timeout")


def test_end_by_the_kernel_does_not_hide_why_we_closed():
    """Who is being closed already stays closed for that."""
    opened = Opened()
    opened.socket.close(3008, "slow_consumer")
    opened.socket.connection_lost(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))

    assert opened.events[-1] == ("closed", 3008, "slow_consumer")
