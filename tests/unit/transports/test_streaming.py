"""The doors of the streams: what opens one, what does not, and who gets the socket."""

import json
from urllib.parse import quote

import pytest

from holdfast.errors import DoorError
from holdfast.protocol.framing import EVENTS_JSON, LINES_JSON, MESSAGES_PROTOBUF
from holdfast.settings import WebSocketSettings
from holdfast.transports.cors import CORS_HEADERS
from holdfast.transports.streaming import HTTP_STREAM, SSE, STREAM, StreamEndpoint, StreamRules
from tests.asgi import call
from tests.sockets import RecordingSink

COMMANDS = b'{"id":1,"connect":{"token":"a+b c\xc3\xa9"}}'
IN_URL = b"x=1&cf_connect=" + quote(COMMANDS).encode() + b"&y"


class Offer:
    """A hand-over that remembers what was opened."""

    def __init__(self):
        self.opening = None

    def attach(self, sinks, opening):
        """Remember."""
        self.opening = opening


class Door:
    """An endpoint, and what it decided."""

    def __init__(self, kind, refusal=None):
        self.seen = []
        self.sinks = []
        self.offer = Offer()
        self.late_refusal = None
        rules = StreamRules(lambda handshake: refusal, self.admit, self.note, WebSocketSettings(), 1024)
        self.endpoint = StreamEndpoint(kind, self.make, rules)

    def admit(self, handshake):
        """Let in, unless the test has changed its mind."""
        if self.late_refusal is not None:
            raise self.late_refusal

    def note(self, handshake, error):
        """Remember an outcome."""
        self.seen.append((handshake.transport, error.slug if error else "ok"))

    def make(self, transport, handshake):
        """Be the sink factory."""
        self.sinks.append(RecordingSink(transport, handshake))
        return self.sinks[-1]

    async def call(self, method="POST", **given):
        """Send a request to a server that hands over."""
        return await call(self.endpoint, method, extensions={STREAM: self.offer}, **given)


@pytest.mark.parametrize(("version", "encoding"), [("1.1", LINES_JSON.chunked), ("1.0", LINES_JSON.plain)])
async def test_http_stream_is_handed_over(version, encoding):
    """A POST with commands opens one, chunked for HTTP/1.1; the endpoint answers nothing itself."""
    door = Door(HTTP_STREAM)
    answer = await door.call(body=[COMMANDS[:5], COMMANDS[5:]], http_version=version)

    opening = door.offer.opening
    assert (opening.commands, opening.handshake.encoding) == (COMMANDS, encoding)
    assert opening.handshake.accepted_at > 0
    assert len(opening.session) == 32
    assert answer.status == 0
    assert door.seen == [("http_stream", "ok")]


@pytest.mark.parametrize(("version", "encoding"), [*zip(("1.1", "1.0"), MESSAGES_PROTOBUF, strict=True)])
async def test_http_stream_speaks_protobuf_where_asked(version, encoding):
    """By the media type of its body, as the SDKs ask; the answer has the same."""
    door = Door(HTTP_STREAM)
    await door.call(body=b"\0", headers=[("Content-Type", "application/octet-stream")], http_version=version)

    opening = door.offer.opening
    assert (opening.commands, opening.handshake.encoding) == (b"\0", encoding)
    assert dict(opening.headers)[b"content-type"] == b"application/octet-stream"


async def test_sse_has_no_protobuf():
    """Events are text, so what a body is said to be changes nothing."""
    door = Door(SSE)
    await door.call(body=COMMANDS, headers=[("Content-Type", "application/octet-stream")])

    assert door.offer.opening.handshake.encoding is EVENTS_JSON.chunked


async def test_sessions_are_never_the_same():
    """Each stream has a session id of 128 random bits."""
    doors = [Door(HTTP_STREAM) for _ in range(100)]
    for door in doors:
        await door.call()

    assert len({door.offer.opening.session for door in doors}) == 100


@pytest.mark.parametrize(("method", "given"), [("GET", {"query_string": IN_URL}), ("POST", {"body": COMMANDS})])
async def test_sse_is_handed_over(method, given):
    """Commands come in the URL, as EventSource sends them, or in a body."""
    door = Door(SSE)
    await door.call(method, **given)

    opening = door.offer.opening
    assert (opening.commands, opening.handshake.encoding) == (COMMANDS, EVENTS_JSON.chunked)
    assert dict(opening.headers)[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert door.seen == [("sse", "ok")]


async def test_plus_in_a_url_is_a_space():
    """URLSearchParams writes spaces so."""
    door = Door(SSE)
    await door.call("GET", query_string=b"cf_connect=a+b%2Bc")

    assert door.offer.opening.commands == b"a b+c"


async def test_headers_keep_proxies_from_buffering():
    """nginx, caches and compressing proxies are each told in their own words; CORS headers come along."""
    door = Door(SSE)
    await door.call("GET", query_string=IN_URL, **{CORS_HEADERS: [(b"vary", b"Origin")]})

    headers = dict(door.offer.opening.headers)
    assert headers[b"x-accel-buffering"] == b"no"
    assert {b"no-store", b"no-transform"} < set(headers[b"cache-control"].split(b", "))
    assert headers[b"vary"] == b"Origin"


@pytest.mark.parametrize(
    ("kind", "method", "given", "status", "slug"),
    [
        (HTTP_STREAM, "GET", {}, 405, "method_not_allowed"),
        (HTTP_STREAM, "HEAD", {}, 405, "method_not_allowed"),
        (HTTP_STREAM, "POST", {"body": b"x" * 1025}, 413, "body_too_large"),
        (SSE, "PUT", {}, 405, "method_not_allowed"),
        (SSE, "HEAD", {"query_string": IN_URL}, 405, "method_not_allowed"),
        (SSE, "POST", {"body": b"x" * 1025}, 413, "body_too_large"),
        (SSE, "GET", {}, 400, "connect_missing"),
        (SSE, "GET", {"query_string": b"cf_connect="}, 400, "connect_missing"),
        (SSE, "GET", {"query_string": b"token=x"}, 400, "connect_missing"),
    ],
)
async def test_request_that_opens_no_stream_is_refused(kind, method, given, status, slug):
    """Each has its status and slug, is counted under the transport, and the socket stays with the server."""
    door = Door(kind)
    answer = await door.call(method, **given)

    assert (answer.status, answer.json()["slug"]) == (status, slug)
    assert door.seen == [(kind.name, slug)]
    assert door.offer.opening is None
    assert status != 405 or answer.headers["allow"] == kind.methods


async def test_refused_handshake_is_answered_before_its_body():
    """What admission refuses costs nothing more."""
    door = Door(HTTP_STREAM, DoorError("draining"))
    answer = await door.call(headers=[("Expect", "100-continue")], body=COMMANDS)

    assert (answer.status, answer.json()["slug"]) == (503, "draining")
    assert answer.received == 0


async def test_client_that_leaves_within_its_request():
    """Nobody is left to answer; the metric knows."""
    door = Door(HTTP_STREAM)
    answer = await door.call(body=None)

    assert (answer.status, door.seen) == (0, [("http_stream", "client_gone")])


async def test_ordinary_server_keeps_the_endpoint():
    """Without a hand-over the response is written through ASGI until the client leaves."""
    door = Door(HTTP_STREAM)
    answer = await call(door.endpoint, "POST", body=COMMANDS)

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert door.sinks[0].messages == [COMMANDS]
    assert door.sinks[0].events[-1] == ("closed", 1000, "")
    assert door.sinks[0].handshake.encoding is LINES_JSON.plain


async def test_attempts_are_told_apart():
    """Address and attempt id are in the handshake, for logs and the token's places."""
    door = Door(SSE)
    await door.call("GET", query_string=IN_URL, client=("192.0.2.1", 1), headers=[("Authorization", "Bearer x")])

    handshake = door.offer.opening.handshake
    assert (handshake.client, handshake.query) == ("192.0.2.1", IN_URL)
    assert json.dumps(handshake.attempt_id)
    assert handshake.headers == [(b"authorization", b"Bearer x")]


async def test_stream_is_let_in_behind_its_body():
    """While a body came others may have taken the last place; the one too many is refused, and told of once."""
    door = Door(HTTP_STREAM)
    door.late_refusal = DoorError("instance_connection_limit", retry_after=2)
    answer = await door.call(body=COMMANDS, query_string=b"cid=0123456789abcdef0123456789abcdef")

    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["attempt"] == answer.headers["x-attempt-id"] == "0123456789abcdef0123456789abcdef"
    assert door.offer.opening is None
    assert door.seen == [("http_stream", "instance_connection_limit")]
