"""A stream whose socket is ours: the response goes on, commands come by other ways."""

import errno
import json

import pytest

from holdfast.connections.transport import Handshake
from holdfast.errors import CapacityError
from holdfast.protocol.frames import OPCODE_TEXT
from holdfast.protocol.framing import EVENTS_JSON, LINES_JSON
from holdfast.settings import WebSocketSettings
from holdfast.transports.handover import SocketContext
from holdfast.transports.stream import Opening, StreamTransport, goodbye, response_head
from tests.sockets import FakeLoop, FakeTransport, RecordingSink

SETTINGS = WebSocketSettings(close_timeout=2, write_high_water=5000)


class Streamed:
    """One stream and its far side."""

    def __init__(self, encoding=LINES_JSON.chunked, make=None):
        self.loop = FakeLoop()
        self.wire = FakeTransport()
        self.sink = None
        self.context = SocketContext(SETTINGS, self.loop)
        handshake = Handshake("/s", b"", [], "127.0.0.1", "http", "attempt", encoding=encoding, transport="http_stream")
        self.opening = Opening(handshake, "session", [], b'{"id":1}')
        self.stream = StreamTransport(self.wire, self.context, self.opening)
        self.make = make or self._make

    def _make(self, transport, handshake):
        self.sink = RecordingSink(transport, handshake)
        return self.sink

    def start(self):
        """Give the stream to its sink."""
        self.stream.attach(self.make, self.opening)
        return self

    @property
    def sent(self):
        """What was written."""
        return bytes(self.wire.sent)


def test_stream_begins_with_the_commands_of_its_request():
    """The sink gets them as one message; the loop reads on, to see the client leave."""
    streamed = Streamed()
    assert not streamed.wire.is_reading
    streamed.start()

    assert streamed.wire.protocol is streamed.stream
    assert streamed.sink.events == [(OPCODE_TEXT, b'{"id":1}')]
    assert streamed.wire.is_reading
    assert streamed.wire.limits == {"high": 5000}
    assert (streamed.stream.name, streamed.stream.session) == ("http_stream", "session")


def test_stream_writes_units_as_they_are():
    """Nothing stands between a unit and the socket."""
    streamed = Streamed().start()
    streamed.stream.write(LINES_JSON.chunked.wrap(b"{}"))

    assert streamed.sent == b"3\r\n{}\n\r\n"
    streamed.wire.unsent = 7
    assert streamed.stream.buffered() == 7


def test_stream_ignores_what_the_client_says():
    """A pipelined request is read and thrown away, and a sink that asks for a pause changes nothing."""
    streamed = Streamed().start()
    streamed.stream.pause_reading()
    buffer = streamed.stream.get_buffer(65536)
    buffer[:4] = b"GET "
    streamed.stream.buffer_updated(4)
    streamed.stream.resume_reading()

    assert streamed.wire.is_reading
    assert len(streamed.sink.events) == 1


def test_stream_of_a_client_that_goes_on_talking_ends():
    """A flood is read for a while, then the client is told what it does wrong."""
    streamed = Streamed().start()
    streamed.stream.buffer_updated(65536)
    assert not streamed.wire.is_closed
    streamed.stream.buffer_updated(1)
    streamed.stream.buffer_updated(65536)
    streamed.stream.connection_lost(None)

    assert streamed.sent.count(b"unexpected_input") == 1
    assert streamed.sink.events[-1] == ("closed", 3501, "unexpected_input")


@pytest.mark.parametrize(
    ("code", "reason", "reconnect"),
    [(3001, "shutdown", True), (3503, "force_disconnect", False), (4003, "moved", True), (4503, "banned", False)],
)
def test_stream_says_goodbye_in_a_push(code, reason, reconnect):
    """Behind everything else come code and reason, the end of the chunks, and the end of the connection."""
    streamed = Streamed().start()
    streamed.stream.close(code, reason)
    streamed.stream.close(3000, "again")
    streamed.stream.write(b"late")

    chunk, end = streamed.sent.split(b"\r\n")[1], streamed.sent[-5:]
    said = json.loads(chunk)["push"]["disconnect"]
    assert (said["code"], said["reason"], said.get("reconnect", False)) == (code, reason, reconnect)
    assert end == b"0\r\n\r\n"
    assert streamed.wire.is_closed
    streamed.stream.connection_lost(None)
    assert streamed.sink.events[-1] == ("closed", code, reason)


def test_stream_that_is_delimited_by_its_end_has_no_chunks():
    """For HTTP/1.0 the goodbye is the last event and nothing follows."""
    assert goodbye(EVENTS_JSON.plain, 3001, "shutdown").endswith(b"}\n\n")


def test_stream_that_cannot_be_flushed_is_aborted():
    """A client that does not read keeps a closing stream no longer than the close timeout."""
    streamed = Streamed().start()
    streamed.stream.close(3008, "slow_consumer")
    assert len(streamed.context.closing) == 1
    streamed.loop.advance(3)

    assert streamed.wire.is_aborted
    streamed.stream.connection_lost(None)
    streamed.stream.abort()
    assert streamed.stream.buffered() == 0
    assert not streamed.context.closing


def test_stream_of_a_client_that_leaves_ends_normally():
    """Closing the connection is how a client of a stream says goodbye; the sink hears it once."""
    streamed = Streamed().start()
    streamed.stream.eof_received()
    streamed.stream.connection_lost(None)
    streamed.stream.close(3000, "late")

    assert streamed.sink.events[1:] == [("closed", 1000, "")]


def test_stream_that_is_lost_ends_abnormally():
    """A reset is no goodbye; a goodbye of ours stays the cause whatever the client does then."""
    lost, told, stuck = Streamed().start(), Streamed().start(), Streamed().start()
    lost.stream.connection_lost(ConnectionResetError())
    stuck.stream.connection_lost(TimeoutError(errno.ETIMEDOUT, "Connection timed out"))
    told.stream.close(3001, "shutdown")
    told.stream.eof_received()
    told.stream.connection_lost(None)

    assert lost.sink.events[-1] == ("closed", 1006, "")
    assert stuck.sink.events[-1] == ("closed", 1006, "ack_timeout")
    assert told.sink.events[-1] == ("closed", 3001, "shutdown")


def test_stream_reports_congestion():
    """The sink hears of a slow client and of its recovery, as the loop sees them."""
    streamed = Streamed().start()
    streamed.stream.pause_writing()
    streamed.stream.resume_writing()

    assert streamed.sink.events[1:] == [("congested",), ("drained",)]


def test_stream_without_a_sink_is_closed():
    """A factory that refuses ends the stream with its cause; congestion and loss then concern nobody."""

    def refuse(transport, handshake):
        raise CapacityError("connection_limit")

    streamed = Streamed(make=refuse).start()
    streamed.stream.pause_writing()
    streamed.stream.resume_writing()
    streamed.stream.connection_lost(None)

    assert b"connection_limit" in streamed.sent
    assert not streamed.wire.is_reading


def test_stream_whose_sink_fails_is_closed():
    """A fault of ours costs one connection, which is told."""

    class Failing(RecordingSink):
        """Cannot take anything."""

        def on_message(self, data, is_text):
            """Fail."""
            raise RuntimeError("a bug")

    streamed = Streamed(make=Failing).start()

    assert b'"code":3004' in streamed.sent


def test_stream_that_is_lost_at_once_gets_no_sink():
    """Between the head and the sink the client may vanish."""
    streamed = Streamed()
    streamed.stream.connection_lost(None)
    streamed.start()

    assert streamed.sink is None


def test_response_head_says_how_it_ends():
    """A chunked response says so; either ends with its connection."""
    headers = [(b"content-type", b"text/event-stream")]

    assert response_head(headers, is_chunked=False) == (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
    )
    assert response_head([], is_chunked=True).endswith(b"transfer-encoding: chunked\r\n\r\n")
