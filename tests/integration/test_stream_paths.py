"""One suite for every way a stream can reach a connection: handed over, our own plain ASGI, and stock uvicorn."""

from __future__ import annotations

import json
import socket
import time

import httpx
import pytest

from holdfast.transports.streaming import HTTP_STREAM, SSE
from tests.serving import RawClient
from tests.streams import KINDS, PATHS, StreamClient, gateway_on, token
from tests.wire import eventually

SETTINGS = {
    "client": {"allowed_origins": ["https://app.example.com"], "queue_max_size": 131072, "command_rate": 0},
    "http_stream": {"max_request_body_size": 4096},
    "sse": {"max_request_body_size": 4096},
    "emulation": {"max_request_body_size": 4096},
    "websocket": {"write_high_water": 32768, "close_timeout": 0.5},
    "log": {"level": "error"},
}
PAGE = {"Origin": "https://app.example.com"}
FOREIGN = {"Origin": "https://evil.example.com"}
CASES = [("handover", "uvloop"), ("handover", "asyncio"), ("asgi", "uvloop"), ("uvicorn", "asyncio")]


@pytest.fixture(scope="module", params=CASES, ids="-".join)
def server(request):
    """A gateway on each path."""
    with gateway_on(*request.param, SETTINGS) as started:
        yield started


@pytest.fixture(autouse=True)
def empty(server):
    """Afterwards nobody is left, whatever happened."""
    yield
    eventually(lambda: server.count() == 0)


@pytest.fixture(params=KINDS)
def kind(request):
    """Each kind of stream."""
    return request.param


def opening(more=""):
    """Return a request that opens an http_stream, with `more` commands."""
    commands = json.dumps({"id": 1, "connect": {"token": token()}}) + more
    length = f"Content-Length: {len(commands)}"
    return f"POST {PATHS['http_stream']} HTTP/1.1\r\nHost: x\r\n{length}\r\n\r\n{commands}"


def ask(server, method, path, **given):
    """Send one request with a client that has no connection of before."""
    return httpx.request(method, f"http://127.0.0.1:{server.port}{path}", trust_env=False, timeout=10, **given)


def test_publications_arrive_in_order(server, kind):
    """Commands go by emulation, replies and publications come on the stream, all of them and in order."""
    with StreamClient(server.port, kind).connect() as client:
        client.subscribe("news")
        for number in range(100):
            client.command("publish", channel="news", data=number)
        server.publish("news", "é\n", {"a": [1, 2]})

        assert client.publications(102) == [*range(100), "é\n", {"a": [1, 2]}]


def test_head_keeps_everybody_from_buffering(server, kind):
    """Content type, caches, nginx: all is said in the head, which comes at once."""
    with StreamClient(server.port, kind, headers=PAGE) as client:
        head = client.response.headers
        assert client.response.status == 200
        assert head["content-type"] == {"sse": SSE, "http_stream": HTTP_STREAM}[kind].usual.media_type.decode()
        assert "no-store" in head["cache-control"]
        assert head["x-accel-buffering"] == "no"
        assert head["access-control-allow-origin"] == PAGE["Origin"]
        assert head["access-control-allow-credentials"] == "true"
        client.connect()


def test_sse_by_post(server):
    """A client that is no EventSource may send its commands in a body."""
    with StreamClient(server.port, "sse", method="POST").connect() as client:
        client.subscribe("news")


def test_batch_is_answered_in_one_go(server, kind):
    """Several commands in the opening request, and in an emulation request, are each answered."""
    commands = json.dumps({"id": 1, "connect": {"token": token()}}) + '\n{"id":2,"subscribe":{"channel":"news"}}'
    with StreamClient(server.port, kind, commands=commands) as client:
        client.connect()
        assert "subscribe" in client.reply(2)
        client.emulate('{"id":3,"presence_stats":{"channel":"news"}}\n{"id":4,"publish":{"channel":"news","data":1}}')

        assert {client.reply(number)["id"] for number in (3, 4)} == {3, 4}
        assert client.publications(1) == [1]


def test_goodbye_is_a_push_and_the_end(server, kind):
    """A disconnect by the server is told behind the data, then the response ends as it should."""
    with StreamClient(server.port, kind).connect() as client:
        client.subscribe("news")
        server.publish("news", 1)
        server.each(lambda one: one.close("force_disconnect"))

        assert client.publications(1) == [1]
        assert client.goodbye() == (3503, "force_disconnect")
        eventually(lambda: server.count() == 0)
        # As long as somebody may not have read the goodbye yet, as behind a proxy, no answer may look like an end.
        assert client.emulate("{}").status_code == 204


def test_client_that_leaves_is_forgotten(server, kind):
    """Closing the connection is the end of the session, and of its emulation."""
    client = StreamClient(server.port, kind).connect()
    session, node = client.session, client.node
    client.close()
    eventually(lambda: server.count() == 0)

    answer = ask(server, "POST", "/emulation", json={"session": session, "node": node, "data": "{}"})
    assert answer.status_code == 204  # and taken by nobody


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ("garbage", (3501, "malformed_json")),
        ("{}", (3501, "not_connected")),
        ('{"id":1}', (3501, "unknown_command")),
        ('{"id":1,"subscribe":{"channel":"news"}}', (3501, "not_connected")),
        ('{"id":1,"connect":{}}', (3501, "token_missing")),
        ('{"id":1,"connect":{"token":"x"}}', (3500, "token_malformed")),
        ("\n", (3501, "empty_frame")),
    ],
)
def test_first_commands_that_are_wrong_end_the_stream(server, kind, commands, said):
    """The stream opens and says what a WebSocket's close frame would."""
    with StreamClient(server.port, kind, commands=commands) as client:
        assert client.response.status == 200
        assert client.goodbye() == said


def test_token_that_is_refused_is_an_error_reply(server, kind):
    """An expired token is told as such; the client leaves and comes back with another."""
    commands = json.dumps({"id": 1, "connect": {"token": token(exp=1)}})
    with StreamClient(server.port, kind, commands=commands) as client:
        assert client.reply(1)["error"] == {"code": 109, "message": "token_expired"}


@pytest.mark.parametrize(
    ("method", "path", "given", "status", "slug"),
    [
        ("GET", PATHS["http_stream"], {}, 405, "method_not_allowed"),
        ("PUT", PATHS["sse"], {}, 405, "method_not_allowed"),
        ("GET", PATHS["sse"], {}, 400, "connect_missing"),
        ("POST", PATHS["http_stream"], {"content": b"x" * 4097}, 413, "body_too_large"),
        ("POST", PATHS["sse"], {"content": b"x" * 4097}, 413, "body_too_large"),
        ("POST", PATHS["http_stream"], {"content": b"{}", "headers": FOREIGN}, 403, "origin_not_allowed"),
        ("GET", PATHS["sse"] + "?cf_connect=%7B%7D", {"headers": FOREIGN}, 403, "origin_not_allowed"),
        ("OPTIONS", PATHS["http_stream"], {"headers": FOREIGN}, 403, "origin_not_allowed"),
        ("POST", "/emulation", {"content": b"{}", "headers": FOREIGN}, 403, "origin_not_allowed"),
        ("GET", "/emulation", {}, 405, "method_not_allowed"),
        ("POST", "/emulation", {"content": b"garbage"}, 400, "emulation_malformed"),
        ("POST", "/emulation", {"content": b"x" * 4097}, 413, "body_too_large"),
        ("POST", "/emulation", {"json": {"session": "x", "node": "y", "data": "{}"}}, 404, "unknown_session"),
    ],
)
def test_request_that_cannot_be_served_is_named(server, method, path, given, status, slug):
    """Each has its status, slug and, for 405, what is allowed; nobody is connected by it."""
    answer = ask(server, method, path, **given)

    assert (answer.status_code, answer.json()["slug"]) == (status, slug)
    assert status != 405 or "POST" in answer.headers["allow"]
    assert server.count() == 0


@pytest.mark.parametrize("path", [*PATHS.values(), "/emulation"])
def test_page_that_may_call_reads_answers_and_preflights(server, path):
    """Refusals are readable for an allowed page, and its preflight is answered without a body."""
    answer = ask(server, "PUT", path, headers=PAGE)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (405, PAGE["Origin"])
    asked = {**PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = ask(server, "OPTIONS", path, headers=asked)

    assert (preflight.status_code, preflight.content) == (204, b"")
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    assert preflight.headers["vary"] == "Origin"


def test_head_request_has_no_body(server):
    """HEAD opens nothing."""
    for path in PATHS.values():
        answer = ask(server, "HEAD", path + "?cf_connect=%7B%7D")
        assert (answer.status_code, answer.content) == (405, b"")


def test_sessions_of_others_cannot_be_used(server):
    """A right node with a wrong session, and a right session with a wrong node, reach nobody."""
    with StreamClient(server.port).connect() as mine, StreamClient(server.port, "sse", "eve").connect() as other:
        wrong = mine.session[:-1] + ("0" if mine.session[-1] != "0" else "1")
        assert mine.session != other.session
        wrongs = [({"session": wrong}, 204), ({"node": "elsewhere"}, 404), ({"session": ""}, 204), ({"node": ""}, 404)]
        for fields, status in wrongs:
            assert mine.emulate("garbage", **fields).status_code == status
        mine.subscribe("news")
        other.subscribe("news")


def test_replayed_and_reordered_commands_are_answered_each(server, kind):
    """Ids say nothing about order; what comes twice is done twice, and each reply names its command."""
    with StreamClient(server.port, kind).connect() as client:
        for data in ('{"id":9,"subscribe":{"channel":"news"}}', '{"id":5,"publish":{"channel":"news","data":1}}'):
            assert client.emulate(data).status_code == 204
        assert client.reply(9)["id"] == 9
        assert client.reply(5)["id"] == 5
        assert client.emulate('{"id":9,"subscribe":{"channel":"news"}}').status_code == 204
        assert client.reply(9)["error"]["code"] == 105
        assert client.publications(1) == [1]


def test_garbage_by_emulation_ends_the_session(server, kind):
    """The request was fine, what it carried was not: the stream says so."""
    with StreamClient(server.port, kind).connect() as client:
        assert client.emulate("garbage").status_code == 204

        assert client.goodbye() == (3501, "malformed_json")


def test_emulation_that_carries_no_text_touches_nobody(server, kind):
    """400 for the request, and the session goes on."""
    with StreamClient(server.port, kind).connect() as client:
        for data in ({}, None, 1, ["{}"]):
            assert client.emulate(data).status_code == 400
        client.subscribe("news")


def test_reader_that_stops_is_closed_and_slows_nobody(server):
    """Over the queue's limit it is given up; somebody else gets every publication meanwhile."""
    with socket.socket() as stuck, StreamClient(server.port, "sse", "bob").connect() as client:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", server.port))
        stuck.sendall(opening('\n{"id":2,"subscribe":{"channel":"loud"}}').encode())
        client.subscribe("loud")
        eventually(lambda: server.call(lambda: server.gateway.core.stats.subscriptions) == 2)
        for number in range(60):
            server.publish("loud", str(number) + "x" * 100_000)
            (got,) = client.publications(1)
            assert got.startswith(str(number) + "x")

        eventually(lambda: server.count() == 1)
        closes = server.call(lambda: dict(server.gateway.core.stats.closes))
        assert closes["slow_consumer"] >= 1


def test_expect_continue_is_told_to_go_on(server):
    """A client that asks first is told to send its body, and then gets its stream."""
    commands = json.dumps({"id": 1, "connect": {"token": token()}}).encode()
    head = f"POST {PATHS['http_stream']} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {len(commands)}"
    with RawClient(server.port) as client:
        client.send(f"{head}\r\n\r\n".encode())
        assert client.read_head().startswith(b"HTTP/1.1 100 ")
        client.send(commands)
        assert client.read_head().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("cut", [10, 60, 110])
def test_client_that_vanishes_within_its_request_leaves_nothing(server, cut):
    """In the head or in the body: nobody is connected by half a request."""
    request = opening()
    for _ in range(20):
        with RawClient(server.port) as client:
            client.send(request[:cut].encode())
    time.sleep(0.1)

    assert server.count() == 0


def test_pipelined_request_is_not_answered(server):
    """Behind a response without an end nothing can come; the stream itself is not harmed."""
    request = opening()
    behind = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
    with RawClient(server.port) as client:
        client.send((request + behind).encode())
        assert client.read_head().startswith(b"HTTP/1.1 200 ")
        eventually(lambda: server.call(lambda: server.gateway.manager.count) == 1)
        client.send(behind.encode() * 100)
        server.each(lambda one: one.close("force_disconnect"))
        rest = client.read_to_end()

    assert b"force_disconnect" in rest
    assert b"HTTP/1.1" not in rest
