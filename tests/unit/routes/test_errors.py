import pytest
from starlette.requests import Request

from holdfast.admission.attempts import attempt_of
from holdfast.codes import CODES
from holdfast.errors import DoorError, GatewayError
from holdfast.routes.errors import (
    NotFound,
    UpgradeRequired,
    check_method,
    crash_response,
    error_headers,
    refuse,
    send_bytes,
    turn_away,
)
from tests.asgi import call


def refusing(error, **options):
    """Return an application that refuses everything."""

    async def app(scope, receive, send):
        await refuse(scope, send, error, **options)

    return app


@pytest.mark.parametrize("slug", CODES)
async def test_refuse_body(slug):
    """Whatever the cause, the body has code, slug, message and remedy."""
    answer = await call(refusing(GatewayError(slug)))

    code = CODES[slug]
    assert answer.status == code.http_status
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.json() == {
        "code": code.number,
        "slug": slug,
        "message": code.meaning,
        "remedy": code.remedy,
    }


async def test_refuse_detail():
    """The detail follows the meaning; further fields stand beside."""
    answer = await call(refusing(DoorError("not_ready", "Failing: broker."), checks={"broker": "gone"}))

    assert answer.json()["message"].endswith(" Failing: broker.")
    assert answer.json()["checks"] == {"broker": "gone"}


@pytest.mark.parametrize(
    ("slug", "name", "value"),
    [
        ("draining", b"retry-after", b"1"),
        ("too_many_requests", b"retry-after", b"1"),
        ("api_key_missing", b"www-authenticate", b"apikey"),
        ("upgrade_required", b"upgrade", b"websocket"),
    ],
)
def test_error_headers(slug, name, value):
    """A status that needs a header of its own has it."""
    assert (name, value) in error_headers(GatewayError(slug))


def test_error_headers_close():
    """The connection is ended only where that was asked for."""
    error = GatewayError("body_too_large")

    assert (b"connection", b"close") in error_headers(error, close=True)
    assert (b"connection", b"close") not in error_headers(error)


async def test_refuse_handshake():
    """A refused handshake gets status and body where the server can send them, else a plain refusal."""
    able = {"type": "websocket", "extensions": {"websocket.http.response": {}}}
    answer = await call(NotFound(), path="/nowhere", **able)
    assert answer.status == 404
    assert answer.json()["slug"] == "not_found"

    answer = await call(NotFound(), path="/nowhere", type="websocket")
    assert answer.status == -1008


async def test_not_found_quotes_path():
    """The message says what was asked for, and no more of it than makes sense."""
    answer = await call(NotFound(), path="/" + "x" * 9000)

    assert answer.status == 404
    assert 200 < len(answer.json()["message"]) < 400


async def test_path_refusals_name_attempt_and_address(capsys):
    """A wrong path is an attempt too: its answer and its log line have the id, and the address behind a proxy."""
    cid = "0123456789abcdef" * 2
    given = {"type": "websocket", "extensions": {"websocket.http.response": {}}, "query_string": f"cid={cid}".encode()}
    answer = await call(NotFound(lambda peer, scheme, headers: ("203.0.113.9", scheme)), path="/nowhere", **given)

    assert (answer.headers["x-attempt-id"], answer.json()["attempt"]) == (cid, cid)
    line = capsys.readouterr().err
    assert cid in line
    assert "203.0.113.9" in line


@pytest.mark.parametrize("away", [False, True])
async def test_refusals_name_the_attempt_once_it_has_an_id(away):
    """What is no attempt to connect has none, and its answers stay as they are."""
    error = DoorError("accept_rate", retry_after=7)

    async def app(scope, receive, send):
        attempt_of(scope)
        await (turn_away(scope, receive, send, error) if away else refuse(scope, send, error))

    answer = await call(app)

    assert answer.headers["x-attempt-id"] == answer.json()["attempt"]
    assert answer.headers["retry-after"] == "7"


async def test_upgrade_required():
    """Plain HTTP on a WebSocket path is told what to do."""
    answer = await call(UpgradeRequired(), path="/connection/websocket")

    assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")


async def test_upgrade_stripped_is_told_apart():
    """A handshake that lost its hop-by-hop headers to a proxy keeps its key, and is told who ate them."""
    answer = await call(UpgradeRequired(), path="/", headers=[("Sec-WebSocket-Key", "x")], http_version="1.0")

    assert (answer.status, answer.json()["slug"]) == (426, "upgrade_stripped")
    assert "HTTP/1.0" in answer.json()["message"]


async def test_check_method():
    """A method that the path does not take is refused with the ones it takes."""
    check_method({"method": "HEAD"}, "GET, HEAD")
    with pytest.raises(DoorError) as caught:
        check_method({"method": "PUT"}, "GET, HEAD")
    answer = await call(refusing(caught.value))

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_send_bytes_kind():
    """An answer has the type it was given."""

    async def app(scope, receive, send):
        await send_bytes(send, 200, b"x 1\n", [(b"x-a", b"b")], b"text/plain")

    answer = await call(app)
    assert answer.headers == {"content-type": "text/plain", "content-length": "4", "x-a": "b"}


async def test_crash_response():
    """A fault of ours is told as one, without its details."""

    async def app(scope, receive, send):
        await crash_response(Request(scope), ValueError("secret"))(scope, receive, send)

    answer = await call(app)
    assert (answer.status, answer.json()["slug"]) == (500, "internal_error")
    assert b"secret" not in answer.body


async def test_turn_away_reads_on_behind_the_answer():
    """The answer ends the connection; what the client still sends is read, so that no reset destroys it."""

    async def app(scope, receive, send):
        await turn_away(scope, receive, send, DoorError("body_too_large"), [(b"vary", b"Origin")])

    answer = await call(app, "POST", body=[b"a", b"b"])

    assert (answer.status, answer.json()["slug"]) == (413, "body_too_large")
    assert (answer.headers["connection"], answer.headers["vary"]) == ("close", "Origin")
    assert (answer.received, answer.is_complete) == (2, True)
