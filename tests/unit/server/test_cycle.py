"""One handshake as ASGI sees it."""

import asyncio
import json

import pytest

from holdfast.connections.transport import Handshake
from holdfast.protocol.frames import OPCODE_TEXT, encode_close, encode_frame
from holdfast.server.cycle import UpgradeCycle
from holdfast.settings import WebSocketSettings
from holdfast.transports.handover import SocketContext, WebSocketTransport
from tests.sockets import ACCEPT, KEY, FakeLoop, FakeTransport, RecordingSink, client_close, client_frame

HANDSHAKE = Handshake("/", b"", [], "127.0.0.1", "ws", "attempt")
EXTENSION = "holdfast.handover"


class Served:
    """A handshake served by an application."""

    def __init__(self, app, early=b""):
        self.wire = FakeTransport()
        self.socket = WebSocketTransport(self.wire, SocketContext(WebSocketSettings(), FakeLoop()))
        self.cycle = UpgradeCycle(self.socket, KEY, early, 1.5, [])
        self.tasks = set()
        self.app = app

    def start(self):
        """Run the application."""
        scope = {"type": "websocket", "path": "/", "extensions": {EXTENSION: self.cycle}}
        self.cycle.start(self.app, scope, asyncio.get_running_loop(), self.tasks)
        return self

    @property
    def head(self):
        """The first line of the answer."""
        return bytes(self.wire.sent).split(b"\r\n")[0]

    @property
    def body(self):
        """The JSON body of a refusal."""
        return json.loads(bytes(self.wire.sent).partition(b"\r\n\r\n")[2])


async def accept(receive, send, **more):
    """Accept a connection."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept", **more})


async def test_cycle_hands_over_without_a_task():
    """Accept and attach happen at once: the answer is written, the sink has the connection, no task is left."""
    sinks = []

    def make(transport, handshake):
        sinks.append(RecordingSink(transport, handshake))
        return sinks[0]

    async def app(scope, receive, send):
        await accept(receive, send, subprotocol="chat", headers=[(b"x-a", b"b")])
        scope["extensions"][EXTENSION].attach(make, HANDSHAKE)

    served = Served(app, early=client_frame(OPCODE_TEXT, b"early")).start()

    assert not served.tasks
    assert served.head == b"HTTP/1.1 101 Switching Protocols"
    assert b"sec-websocket-accept: " + ACCEPT in served.wire.sent
    assert served.wire.sent.endswith(b"x-a: b\r\nsec-websocket-protocol: chat\r\n\r\n")
    assert sinks[0].messages == [b"early"]
    assert served.cycle.accepted_at == 1.5


async def test_cycle_attaches_only_an_accepted_socket():
    """A hand-over before the accept, or a second one, is a mistake of the application."""
    seen = []

    async def app(scope, receive, send):
        cycle = scope["extensions"][EXTENSION]
        with pytest.raises(RuntimeError, match="accepted"):
            cycle.attach(RecordingSink, HANDSHAKE)
        await accept(receive, send)
        cycle.attach(RecordingSink, HANDSHAKE)
        with pytest.raises(RuntimeError, match="without an owner"):
            cycle.attach(RecordingSink, HANDSHAKE)
        with pytest.raises(RuntimeError, match="not handed over"):
            await receive()
        seen.append(True)

    Served(app).start()

    assert seen


async def test_cycle_speaks_ordinary_asgi():
    """An application that knows no hand-over gets events for as long as the connection lives."""

    async def app(scope, receive, send):
        await accept(receive, send)
        while (event := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": event["text"].upper()})

    served = Served(app).start()
    assert len(served.tasks) == 1
    answer = len(served.wire.sent)
    for frame in (client_frame(OPCODE_TEXT, b"hi"), client_close(1000)):
        served.socket.get_buffer(-1)[: len(frame)] = frame
        served.socket.buffer_updated(len(frame))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    served.socket.connection_lost(None)
    await asyncio.gather(*served.tasks)

    assert bytes(served.wire.sent[answer:]) == encode_frame(OPCODE_TEXT, b"HI") + encode_close(1000)


async def test_cycle_closes_what_an_ordinary_application_left_open():
    """Returning after accept is a normal close."""

    async def app(scope, receive, send):
        await accept(receive, send)

    served = Served(app).start()

    assert served.wire.sent.endswith(encode_close(1000))


async def test_cycle_denies_with_an_http_answer():
    """The denial extension's answer is written whole, however it is cut."""

    async def app(scope, receive, send):
        await receive()
        start = {"status": 403, "headers": [(b"content-length", b"4")]}
        await send({"type": "websocket.http.response.start", **start})
        await send({"type": "websocket.http.response.body", "body": b"no", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"pe"})

    served = Served(app).start()

    assert bytes(served.wire.sent) == b"HTTP/1.1 403 Forbidden\r\ncontent-length: 4\r\n\r\nnope"
    assert served.wire.is_closed


async def test_cycle_answers_a_close_before_accept_with_not_found():
    """That is what a router does with a path it does not know."""

    async def app(scope, receive, send):
        await send({"type": "websocket.close", "code": 1000})

    served = Served(app).start()

    assert served.head == b"HTTP/1.1 404 Not Found"
    assert served.body["slug"] == "not_found"


async def fails(scope, receive, send):
    """Fail before any answer."""
    raise ZeroDivisionError


async def says_nothing(scope, receive, send):
    """Return without an answer."""


async def speaks_out_of_turn(scope, receive, send):
    """Send a message before accept."""
    await send({"type": "websocket.send", "text": "x"})


async def listens_out_of_turn(scope, receive, send):
    """Wait for a message before accept."""
    await receive()
    await receive()


@pytest.mark.parametrize("app", [fails, says_nothing, speaks_out_of_turn, listens_out_of_turn])
async def test_cycle_answers_500_for_a_broken_application(app):
    """A handshake never hangs: what is not answered is answered as our own failure."""
    served = Served(app).start()

    assert served.head == b"HTTP/1.1 500 Internal Server Error"
    assert served.body["slug"] == "internal_error"


async def test_cycle_closes_when_the_application_fails_after_accept():
    """The client is told that it was us."""

    async def app(scope, receive, send):
        await accept(receive, send)
        raise ZeroDivisionError

    served = Served(app).start()

    assert served.wire.sent.endswith(encode_close(3004, "server_error"))


async def test_cycle_of_a_lost_socket_tells_an_ordinary_application():
    """A client that left during the handshake is a disconnect."""
    ends = []

    async def app(scope, receive, send):
        await accept(receive, send)
        ends.append(await receive())

    served = Served(app)
    served.socket.connection_lost(None)
    served.start()

    assert ends == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]
