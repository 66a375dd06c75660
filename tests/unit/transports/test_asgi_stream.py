"""A stream over plain ASGI: the response's body in pieces."""

import asyncio

from holdfast.connections.transport import Handshake
from holdfast.protocol.frames import OPCODE_TEXT
from holdfast.protocol.framing import LINES_JSON
from holdfast.settings import WebSocketSettings
from holdfast.transports.asgi_stream import AsgiStream
from holdfast.transports.stream import Opening, goodbye
from tests.sockets import RecordingSink

GONE = {"type": "http.disconnect"}


class Server:
    """An ASGI server whose client says what a test puts into `incoming`."""

    def __init__(self, commands=b'{"id":1}'):
        self.incoming = asyncio.Queue()
        self.sent = []
        self.sink = None
        handshake = Handshake(
            "/", b"", [], "127.0.0.1", "http", "attempt", encoding=LINES_JSON.plain, transport="http_stream"
        )
        self.opening = Opening(handshake, "session", [], commands)
        settings = WebSocketSettings(max_message_bytes=1024, write_high_water=4096)
        self.stream = AsgiStream(self.send, settings, self.opening)

    async def send(self, event):
        """Take an event; the last one ends the request, as ASGI servers tell it."""
        self.sent.append(event)
        if not event["more_body"]:
            self.incoming.put_nowait(GONE)

    def make(self, transport, handshake):
        """Be the sink factory."""
        self.sink = RecordingSink(transport, handshake)
        return self.sink

    async def start(self):
        """Run the stream in a task of its own."""
        run = asyncio.create_task(self.stream.run(self.incoming.get, self.make, self.opening.handshake))
        await settle()
        return run


async def settle():
    """Let everything run that can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_asgi_stream_carries_messages():
    """The request's commands come in, however long they are, and units go out as parts of the body."""
    server = Server(b"x" * 2000)
    run = await server.start()
    server.stream.pause_reading()
    server.stream.write(b"{}\n")
    await settle()
    server.incoming.put_nowait({"type": "http.request", "body": b"late", "more_body": False})
    server.incoming.put_nowait(GONE)
    await run

    assert (server.stream.name, server.stream.session) == ("http_stream", "session")
    assert server.sink.events == [(OPCODE_TEXT, b"x" * 2000), ("closed", 1000, "")]
    assert server.sent == [{"type": "http.response.body", "body": b"{}\n", "more_body": True}]


async def test_asgi_stream_says_goodbye_in_a_push():
    """The goodbye is the last part of the body, later writes are dropped, and the run ends."""
    server = Server()
    run = await server.start()
    server.stream.close(3001, "shutdown")
    server.stream.write(b"late")
    await run
    server.stream.write(b"later")

    last = goodbye(LINES_JSON.plain, 3001, "shutdown")
    assert server.sent == [{"type": "http.response.body", "body": last, "more_body": False}]
    assert server.sink.events[-1] == ("closed", 3001, "shutdown")
