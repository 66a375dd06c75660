"""A request whose socket changes hands."""

import asyncio
import gc
import weakref

import pytest
from uvicorn.server import ServerState

from holdfast.connections.transport import Handshake
from holdfast.protocol.framing import LINES_JSON
from holdfast.server.context import ServerContext
from holdfast.server.gateway import GatewayServer
from holdfast.server.http import HandoverProtocol
from holdfast.settings import Settings
from holdfast.transports.stream import Opening, StreamTransport
from holdfast.transports.streaming import STREAM
from tests.sockets import FakeTransport, RecordingSink

SETTINGS = Settings()
REQUEST = b"POST /stream HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 2\r\n\r\n{}"


class Served:
    """One connection to an application that wants the socket."""

    def __init__(self, app):
        loop = asyncio.get_running_loop()
        self.state = ServerState()
        self.state.default_headers = [(b"date", b"today")]
        self.sinks = []
        self.context = ServerContext(SETTINGS, loop)
        config = GatewayServer(app or self.app, SETTINGS).config
        config.load()
        self.wire = FakeTransport()
        self.protocol = HandoverProtocol(config, self.state, {}, self.context, loop)
        self.protocol.connection_made(self.wire)

    async def app(self, scope, receive, send):
        """Take the socket once the body is there."""
        body = (await receive())["body"]
        scope["extensions"][STREAM].attach(self.make, opening(body))

    def make(self, transport, handshake):
        """Be the sink factory."""
        self.sinks.append(RecordingSink(transport, handshake))
        return self.sinks[-1]

    async def feed(self, data=REQUEST):
        """Let the client say something and everything run that can."""
        self.protocol.data_received(data)
        for _ in range(10):
            await asyncio.sleep(0)


def opening(commands=b"{}"):
    """Return what a stream begins with."""
    handshake = Handshake("/", b"", [], "", "http", "attempt", encoding=LINES_JSON.chunked, transport="http_stream")
    return Opening(handshake, "session", [(b"x", b"y")], commands)


@pytest.fixture
async def serve():
    """Return a function that serves an application; timers end with the test."""
    served = []

    def start(app=None):
        served.append(Served(app))
        return served[-1]

    yield start
    for one in served:
        one.context.clear()


async def test_takeover_makes_a_stream_and_leaves_no_http(serve):
    """The head is written, the sink has the commands; no deadline, no task, no connection of the server is left."""
    served = serve()
    await served.feed()

    assert bytes(served.wire.sent) == (
        b"HTTP/1.1 200 OK\r\ndate: today\r\nx: y\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    assert isinstance(served.wire.protocol, StreamTransport)
    assert served.sinks[0].messages == [b"{}"]
    assert not served.state.connections
    assert not served.state.tasks
    assert not served.context.requests


async def test_takeover_frees_everything_of_the_request(serve):
    """Neither protocol nor request outlives it, even without the collector."""
    watched = []

    async def app(scope, receive, send):
        await receive()
        watched.append(weakref.ref(receive.__self__))
        scope["extensions"][STREAM].attach(RecordingSink, opening())

    served = serve(app)
    watched.append(weakref.ref(served.protocol))
    gc.disable()
    try:
        await served.feed()
        served.protocol = None

        assert [one() for one in watched] == [None, None]
    finally:
        gc.enable()


async def test_request_that_is_answered_frees_everything_too(serve):
    """An ordinary request is freed with its connection, though it was offered the hand-over."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    served = serve(app)
    watched = weakref.ref(served.protocol)
    await served.feed()
    served.protocol.connection_lost(None)
    gc.disable()
    try:
        served.protocol = None
        served.wire.protocol = None

        assert watched() is None
    finally:
        gc.enable()


async def test_pipelined_request_is_never_answered(serve):
    """What came behind a request without an end is dropped with HTTP itself."""
    served = serve()
    await served.feed(REQUEST + b"GET /other HTTP/1.1\r\nHost: gateway.test\r\n\r\n")

    assert served.wire.sent.count(b"HTTP/1.1") == 1
    assert len(served.sinks) == 1
    assert not served.state.tasks


async def test_client_that_left_gets_no_sink(serve):
    """A connection that is closing is nobody's."""
    served = serve()
    served.wire.is_closed = True
    await served.feed()

    assert not served.sinks
    assert served.state.connections


async def test_congestion_of_before_is_told_to_the_sink(serve):
    """The loop has said it to HTTP already and does not say it twice."""
    served = serve()
    served.protocol.pause_writing()
    await served.feed()

    assert served.sinks[0].events[-1] == ("congested",)


async def test_takeover_of_an_answered_request_is_a_mistake(serve):
    """A request has one answer."""
    errors = []

    async def app(scope, receive, send):
        offer = scope["extensions"][STREAM]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            offer.attach(RecordingSink, opening())
        except RuntimeError as error:
            errors.append(error)
        await send({"type": "http.response.body", "body": b""})

    served = serve(app)
    await served.feed()

    assert len(errors) == 1
