"""HTTP with limits, and the way out of it."""

import asyncio
import gc
import json
import weakref

import pytest
from uvicorn.server import ServerState

from holdfast.server.context import ServerContext
from holdfast.server.gateway import GatewayServer
from holdfast.server.http import HandoverProtocol
from holdfast.settings import Settings, WebSocketSettings
from holdfast.transports.websocket import WebSocketEndpoint
from tests.sockets import FakeTransport, RecordingSink, upgrade_request

SETTINGS = Settings(http={"max_header_bytes": 1024, "max_headers": 10, "max_url_bytes": 256, "request_timeout": 5})


class Served:
    """One HTTP connection to an application."""

    def __init__(self, app, *, offers_handover=True, compression=False):
        loop = asyncio.get_running_loop()
        settings = SETTINGS.model_copy(update={"websocket": WebSocketSettings(compression=compression)})
        self.config = GatewayServer(app, settings).config
        self.config.load()
        self.state = ServerState()
        self.context = ServerContext(settings, loop, offers_handover=offers_handover)
        self.wire = FakeTransport()
        self.protocol = HandoverProtocol(self.config, self.state, {}, self.context, loop)
        self.protocol.connection_made(self.wire)

    def close(self):
        """Let go of timers."""
        self.context.clear()

    @property
    def status(self):
        """The status of the answer."""
        return int(bytes(self.wire.sent).split(b" ")[1])

    @property
    def slug(self):
        """The slug of the JSON body."""
        return json.loads(bytes(self.wire.sent).partition(b"\r\n\r\n")[2])["slug"]


@pytest.fixture
async def serve():
    """Return a function that serves an application; timers end with the test."""
    served = []

    def start(app, **options):
        served.append(Served(app, **options))
        return served[-1]

    yield start
    for one in served:
        one.close()
        for task in one.state.tasks:
            task.cancel()


async def echo_scope(scope, receive, send):
    """Answer with what the scope says."""
    told = {name: value for name, value in scope["extensions"].items() if isinstance(value, str)}
    body = json.dumps({"path": scope["path"], "headers": len(scope["headers"]), "more": told}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def never_answers(scope, receive, send):
    """Wait for ever."""
    await asyncio.Event().wait()


async def settle():
    """Let everything run that can."""
    for _ in range(10):
        await asyncio.sleep(0)


def get(path="/", *headers):
    """Return a GET request."""
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: gateway.test", *headers, "", ""]).encode()


async def test_request_is_answered(serve):
    """An ordinary request reaches the application, with the marker of its port; the deadline stops."""
    served = serve(echo_scope)
    assert len(served.context.requests) == 1

    served.protocol.data_received(get("/a%20b"))
    await settle()

    assert served.status == 200
    assert b'"path": "/a b"' in served.wire.sent
    assert b'"holdfast.listener": "public"' in served.wire.sent
    assert not served.context.requests
    served.protocol.shutdown()


async def test_connection_reset_in_the_queue_is_let_go(serve, monkeypatch):
    """A socket that has no peer any more is dropped before its request is read."""
    served = serve(echo_scope)
    gone = FakeTransport()
    monkeypatch.setattr(gone, "get_extra_info", lambda name, default=None: default)
    served.protocol.connection_made(gone)

    assert gone.is_aborted


@pytest.mark.parametrize(
    ("data", "status", "slug"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", 400, "bad_http"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "bad_http"),
        (get("/" + "a" * 300), 414, "url_too_long"),
        (get("/", *(f"a{number}: b" for number in range(20))), 431, "headers_too_large"),
        (get("/", "a: " + "b" * 2000), 431, "headers_too_large"),
        (upgrade_request(method="POST"), 405, "method_not_allowed"),
        (upgrade_request(without="Sec-WebSocket-Version"), 426, "upgrade_required"),
        (upgrade_request(without="Sec-WebSocket-Key"), 400, "bad_handshake"),
        (upgrade_request("ftp//"), 400, "bad_http"),
    ],
)
async def test_request_that_is_none_is_refused(serve, data, status, slug):
    """Each fault has its status and slug, the rest is thrown away, and the socket is dropped in time."""
    served = serve(echo_scope)

    served.protocol.data_received(data)
    served.protocol.data_received(b"more")

    assert (served.status, served.slug) == (status, slug)
    assert served.wire.has_sent_eof
    assert len(served.context.refused) == 1
    assert not served.context.requests
    assert not served.state.tasks


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01", "A TLS handshake came to a port without TLS."),
        (b"GET / HTTP/9.9\r\n\r\n", "Invalid HTTP version."),
    ],
)
async def test_request_that_is_none_is_told_why(serve, capsys, data, why):
    """The log says what came instead of HTTP, and from where."""
    served = serve(echo_scope)

    served.protocol.data_received(data)

    line = capsys.readouterr().err
    assert why in line
    assert "address" in line
    served.protocol.shutdown()


async def test_refusal_names_attempt_and_address(serve, capsys):
    """A bad handshake is an attempt too: its answer and its log line have the client's id, path and address."""
    served = serve(echo_scope)
    cid = "0123456789abcdef" * 2

    served.protocol.data_received(upgrade_request(f"/connection/websocket?token=secret&cid={cid}", without="Host"))

    assert f"x-attempt-id: {cid}".encode() in served.wire.sent
    line = json.loads(capsys.readouterr().err)
    assert (line["attempt"], line["path"]) == (cid, "/connection/websocket")
    assert line["address"] == served.protocol.client[0]
    assert "secret" not in str(line)
    served.protocol.shutdown()


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\nx: ", b"GET / HTTP/1.1\r\n"])
async def test_head_that_does_not_end_is_refused(serve, head):
    """A header that goes on for ever is not collected for ever."""
    served = serve(echo_scope)
    served.protocol.data_received(head)

    for _ in range(20):
        served.protocol.data_received(b"y" * 100)

    assert (served.status, served.slug) == (431, "headers_too_large")


async def test_endless_head_in_one_large_read_is_refused(serve):
    """The request line at the beginning of a read does not hide what follows it."""
    one = serve(never_answers)

    one.protocol.data_received(b"GET / HTTP/1.1\r\nCookie: " + b"c" * 200_000)

    assert (one.status, one.slug) == (431, "headers_too_large")


async def test_trailers_that_do_not_end_are_refused(serve):
    """What follows a chunked body is bounded too, and complete trailers are thrown away."""
    served = serve(never_answers)
    served.protocol.data_received(
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\na: b\r\nc: "
    )

    for _ in range(20):
        served.protocol.data_received(b"y" * 100)

    assert len(served.protocol.headers) == 2
    assert (served.status, served.slug) == (431, "headers_too_large")


async def test_body_is_not_counted_as_head(serve):
    """A body may be larger than all limits of the head."""
    served = serve(never_answers)
    served.protocol.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n")

    for _ in range(50):
        served.protocol.data_received(b"y" * 1000)

    assert not served.wire.sent


async def test_request_timeout_is_answered(serve):
    """A connection that sends nothing is told 408."""
    served = serve(echo_scope)

    served.protocol.on_request_timeout()

    assert (served.status, served.slug) == (408, "request_timeout")


async def test_request_timeout_tells_the_application(serve):
    """An application that waits for a body hears that the client is gone, and cannot answer any more."""
    heard = []

    async def app(scope, receive, send):
        while (event := await receive())["type"] == "http.request":
            pass
        heard.append(event)
        await send({"type": "http.response.start", "status": 200})

    served = serve(app)
    served.protocol.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
    await settle()
    served.protocol.on_request_timeout()
    await settle()

    assert heard == [{"type": "http.disconnect"}]
    assert served.status == 408
    assert served.wire.sent.count(b"HTTP/1.1") == 1


async def test_refusal_never_breaks_into_an_answer(serve):
    """An answer that has begun is cut off instead."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    served = serve(app)
    served.protocol.data_received(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc")
    await settle()
    served.protocol.on_request_timeout()

    assert served.wire.is_aborted
    assert served.status == 200


async def test_answer_that_is_not_taken_is_given_up(serve):
    """A client that does not read has the time of a request; reading stops it."""
    served = serve(echo_scope)
    served.protocol.data_received(get())
    await settle()
    assert not served.context.requests

    served.protocol.pause_writing()
    assert len(served.context.requests) == 1
    served.protocol.resume_writing()
    assert not served.context.requests
    served.protocol.pause_writing()
    served.protocol.on_request_timeout()

    assert served.wire.is_aborted
    served.protocol.shutdown()
    served.protocol._unset_keepalive_if_required()


async def test_closing_connection_has_a_deadline(serve):
    """An idle connection, or one whose last answer is sent, must be gone in time."""
    served = serve(echo_scope)
    served.protocol.data_received(get("/", "Connection: close"))
    await settle()
    assert served.wire.is_closed
    assert len(served.context.requests) == 1
    served.protocol.on_request_timeout()
    assert served.wire.is_aborted

    idle = serve(echo_scope)
    idle.protocol.data_received(get())
    await settle()
    idle.protocol._unset_keepalive_if_required()
    idle.protocol.timeout_keep_alive_handler()
    assert idle.wire.is_closed
    assert len(idle.context.requests) == 1


async def test_refusal_over_tls_closes(serve):
    """TLS has no half-closed state to linger in."""
    served = serve(echo_scope)
    served.wire._has_eof = False

    served.protocol.data_received(b"nonsense\r\n\r\n")

    assert served.wire.is_closed
    assert not served.context.refused


@pytest.mark.parametrize("how", ["lost", "refused"])
async def test_client_that_goes_with_requests_in_line_is_gone_for_the_first(serve, how):
    """An application that waits hears of it though other requests came behind, and those are never begun."""
    heard = []

    async def app(scope, receive, send):
        heard.append(scope["path"])
        while (event := await receive())["type"] == "http.request":
            pass
        heard.append(event["type"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    served = serve(app)
    served.protocol.data_received(get("/first") + get("/second") + get("/third"))
    await settle()
    if how == "lost":
        served.protocol.connection_lost(None)
    else:
        served.protocol.data_received(b"nonsense\r\n\r\n")
    await settle()

    assert heard == ["/first", "http.disconnect"]
    assert served.wire.sent.count(b"\r\ndate:") == (how == "refused")


async def test_lost_connection_has_no_deadlines(serve):
    """Nothing waits for a client that left."""
    served = serve(echo_scope)
    served.protocol.data_received(b"nonsense\r\n\r\n")

    served.protocol.connection_lost(None)

    assert not served.context.refused
    assert not served.context.requests


async def test_other_upgrades_are_answered_as_http(serve):
    """An offer of h2c is no reason to refuse."""
    served = serve(echo_scope)

    served.protocol.data_received(get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"))
    await settle()

    assert served.status == 200
    served.protocol.shutdown()


def admit(handshake):
    """Let everybody in."""


async def test_upgrade_leaves_nothing_of_http_behind(serve):
    """After the hand-over neither protocol nor parser nor scope are alive; no task was made."""
    scopes = []

    class Scope(dict):
        """A dict that can be watched."""

    endpoint = WebSocketEndpoint(RecordingSink, admit, SETTINGS.websocket)

    async def app(scope, receive, send):
        watched = Scope(scope)
        scopes.append(weakref.ref(watched))
        await endpoint(watched, receive, send)

    served = serve(app)
    protocol = weakref.ref(served.protocol)
    parser = served.protocol.parser
    gc.disable()
    try:
        served.protocol.data_received(upgrade_request("/chat?cid=1"))
        assert served.status == 101
        assert not served.state.tasks
        assert not served.state.connections
        assert not served.context.requests
        served.protocol = None
        del parser
        assert protocol() is None
        assert scopes[0]() is None
    finally:
        gc.enable()
    assert served.wire.protocol._sink.handshake.query == b"cid=1"
    served.wire.protocol.connection_lost(None)


async def test_upgrade_scope_is_that_of_a_websocket(serve):
    """The application sees an ordinary ASGI WebSocket scope, with the hand-over where it is offered."""
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)
        await send({"type": "websocket.close"})

    request = upgrade_request("/a%20b?x=1", "Sec-WebSocket-Protocol: one, two")
    for offers_handover in (True, False):
        serve(app, offers_handover=offers_handover).protocol.data_received(request)

    first, second = scopes
    assert (first["type"], first["scheme"], first["path"], first["raw_path"]) == ("websocket", "ws", "/a b", b"/a%20b")
    assert (first["query_string"], first["subprotocols"]) == (b"x=1", ["one", "two"])
    assert (first["client"], first["server"]) == (("127.0.0.1", 40000), ("127.0.0.1", 8000))
    assert set(first["extensions"]) == {"holdfast.handover", "holdfast.listener", "websocket.http.response"}
    assert set(second["extensions"]) == {"holdfast.listener", "websocket.http.response"}


async def test_upgrade_behind_an_unanswered_request_is_refused(serve):
    """A socket with an answer under way cannot change hands."""
    served = serve(never_answers)

    served.protocol.data_received(get() + upgrade_request())

    assert (served.status, served.slug) == (400, "bad_handshake")


async def test_upgrade_keeps_bytes_that_came_with_it(serve):
    """Frames in the same read as the request reach the sink."""
    served = serve(WebSocketEndpoint(RecordingSink, admit, SETTINGS.websocket))

    served.protocol.data_received(upgrade_request() + b"\x81\x80abcd")

    assert served.wire.protocol._sink.messages == [b""]
    served.wire.protocol.connection_lost(None)


async def test_upgrade_behind_much_else_in_one_read_keeps_what_follows(serve):
    """Wherever a large read is cut into pieces, the handshake is found and no frame behind it is lost."""
    served = serve(WebSocketEndpoint(RecordingSink, admit, SETTINGS.websocket))
    ping = b"\x89\x80abcd"

    served.protocol.data_received(upgrade_request() + ping * 20_000 + b"\x81\x80abcd")

    assert served.wire.protocol._sink.messages == [b""]
    served.wire.protocol.connection_lost(None)


@pytest.mark.parametrize(("compression", "count"), [(True, 2), (False, 0)])
async def test_upgrade_tells_what_extensions_are_offered(serve, compression, count):
    """Who decides on compression gets the offers parsed; without compression nobody looks."""
    offers = []

    async def app(scope, receive, send):
        offers.extend(scope["extensions"]["holdfast.handover"].offers)
        await never_answers(scope, receive, send)

    request = upgrade_request("/", "Sec-WebSocket-Extensions: foo", "Sec-WebSocket-Extensions: permessage-deflate; a=b")
    serve(app, compression=compression).protocol.data_received(request)

    assert len(offers) == count


async def test_upgrade_with_malformed_extensions_is_refused(serve):
    """RFC 6455, 9.1 lets the handshake fail; where nobody looks at extensions it goes on."""
    request = upgrade_request("/", "Sec-WebSocket-Extensions: a b")
    strict, unaware = serve(never_answers, compression=True), serve(never_answers)
    strict.protocol.data_received(request)
    unaware.protocol.data_received(request)

    assert (strict.status, strict.slug) == (400, "bad_handshake")
    assert unaware.wire.sent == b""
