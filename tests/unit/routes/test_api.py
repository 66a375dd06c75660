import msgspec
import pytest

from holdfast.connections.lifecycle import Lifecycle, Phase
from holdfast.errors import ChannelError
from holdfast.routes.api import ApiEndpoint, ApiRules, method_of
from holdfast.routes.api_keys import ApiKeys
from holdfast.routes.api_messages import BatchRequest, PublishRequest, PublishResult
from tests.asgi import call

KEY = [("X-API-Key", "key")]


class Gateway:
    """An endpoint with two methods, and what they were asked."""

    def __init__(self, **rules) -> None:
        self.lifecycle = Lifecycle()
        self.requests = []
        self.observed = []
        self.addresses = []
        self.error = None
        methods = {
            "publish": method_of("publish", PublishRequest, self.publish),
            "batch": method_of("batch", BatchRequest, self.batch, is_bare=True),
        }
        given = ApiRules(**{"keys": ApiKeys(["key"]), "max_body_bytes": 1000, **rules})
        self.endpoint = ApiEndpoint(methods, given, self.lifecycle, self.observe)

    def observe(self, method, slug, detail="", seconds=None, address=""):
        self.observed.append((method, slug))
        self.addresses.append(address)

    async def publish(self, request):
        self.requests.append(request)
        if self.error is not None:
            raise self.error
        return PublishResult(offset=3, epoch="e")

    async def batch(self, request):
        self.requests.append(request)
        return {"replies": []}

    async def post(self, path="/api/publish", body=b'{"channel":"news","data":{}}', headers=KEY):
        return await call(self.endpoint, "POST", path, headers=headers, body=body)


@pytest.fixture
def gateway():
    """An endpoint as it is by default."""
    return Gateway()


async def test_api_result(gateway):
    """A result stands in `result`, the batch's without it."""
    answer = await gateway.post()
    assert (answer.status, answer.json()) == (200, {"result": {"offset": 3, "epoch": "e"}})
    assert answer.headers["content-type"] == "application/json"
    assert gateway.observed == [("publish", "ok")]

    answer = await gateway.post("/api/batch", b'{"commands":[]}')
    assert answer.json() == {"replies": []}


async def test_api_request_decoded(gateway):
    """The method gets the request, its payload untouched."""
    await gateway.post(body='{"channel":"news","data":{"é": 1},"new_field":1}'.encode())

    assert gateway.requests[0].channel == "news"
    assert bytes(gateway.requests[0].data) == '{"é": 1}'.encode()


async def test_api_empty_body(gateway):
    """No body at all is an empty request; what it lacks the method says."""
    await gateway.post(body=b"")

    assert gateway.requests == [PublishRequest()]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        (b'{"channel":7}', "Expected `str`, got `int` - at `$.channel`"),
        (b'{"channel":"a","tags":{"x":1}}', "$.tags[...]"),
        (b'{"channel":"a","version":-1}', "$.version"),
        (b'{"channel":"a","version":99999999999999999999}', "$.version"),
        (b"[]", "got `array`"),
        (b"{", "truncated"),
        (b'{"channel":"a","data":{]}', "malformed"),
        (b'{"channel":"a","data":"\xff"}', "utf-8"),
        (b'{"channel":"a","data":' + b"[" * 900, "truncated"),
        (b"\xff\xfe", "utf-8"),
    ],
)
async def test_api_undecodable(gateway, body, hint):
    """A body that is no request is HTTP 400, number 107, and names the field."""
    answer = await gateway.post(body=body)

    assert answer.status == 400
    assert (answer.json()["code"], answer.json()["slug"]) == (107, "bad_request")
    assert hint in answer.json()["message"]
    assert gateway.observed == [("publish", "bad_request")]
    assert gateway.requests == []


async def test_api_nested_too_deeply():
    """A million brackets end in a named error."""
    gateway = Gateway(max_body_bytes=3_000_000)
    answer = await gateway.post(body=b'{"channel":"a","data":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}")

    assert answer.status == 400
    assert "nested too deeply" in answer.json()["message"]


@pytest.mark.parametrize(("headers", "slug"), [([], "api_key_missing"), ([("X-API-Key", "wrong")], "api_key_invalid")])
async def test_api_key(gateway, headers, slug):
    """Without a right key nothing is read or done, and the connection ends."""
    answer = await gateway.post(headers=headers)

    assert (answer.status, answer.json()["slug"]) == (401, slug)
    assert answer.headers["connection"] == "close"
    assert gateway.requests == []
    assert gateway.observed == [("publish", slug)]


async def test_api_failure_names_the_caller():
    """Who was refused, or failed, is told as the trusted proxies tell it; who succeeded is not looked up."""
    gateway = Gateway(originate=lambda peer, scheme, headers: (f"behind {peer}", scheme))
    client = {"client": ("192.0.2.7", 4711), "scheme": "http"}
    gateway.error = ChannelError("unknown_channel", "x")

    await call(gateway.endpoint, "POST", "/api/publish", headers=KEY, body=b"{}", **client)
    await call(gateway.endpoint, "POST", "/api/publish", body=b"{}", **client)
    gateway.error = None
    await call(gateway.endpoint, "POST", "/api/publish", headers=KEY, body=b"{}", **client)

    assert gateway.addresses == ["behind 192.0.2.7", "behind 192.0.2.7", ""]


async def test_api_unknown_method(gateway):
    """A path that is no method is 404 with the methods there are; its label is not the caller's to choose."""
    answer = await gateway.post("/api/nonsense")

    assert (answer.status, answer.json()["slug"]) == (404, "not_found")
    assert "publish, batch" in answer.json()["message"]
    assert gateway.observed == [("unknown", "not_found")]


async def test_api_other_http_method(gateway):
    """Only POST is taken."""
    answer = await call(gateway.endpoint, "GET", "/api/publish", headers=KEY)

    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_api_large_body(gateway):
    """A body over the limit is 413, whether declared or streamed, and the rest is only thrown away."""
    answer = await gateway.post(headers=[*KEY, ("content-length", "1000000000")], body=[b"x", b"y"])
    assert (answer.status, answer.json()["slug"]) == (413, "body_too_large")
    assert answer.headers["connection"] == "close"

    answer = await gateway.post(body=[b"x" * 600, b"x" * 600, b"x"])
    assert answer.status == 413
    assert gateway.requests == []


async def test_api_client_gone(gateway):
    """A client that leaves before its body was complete gets nothing done and no answer."""
    answer = await gateway.post(body=None)

    assert answer.status == 0
    assert gateway.observed == [("publish", "client_gone")]


async def test_api_error_in_200(gateway):
    """An error stands in `error`, inside HTTP 200: number, slug and detail."""
    gateway.error = ChannelError("unknown_channel", "namespace 'x'")
    answer = await gateway.post()

    assert answer.status == 200
    assert answer.json() == {"error": {"code": 102, "message": "unknown_channel", "detail": "namespace 'x'"}}
    assert gateway.observed == [("publish", "unknown_channel")]


@pytest.mark.parametrize(
    ("slug", "status"),
    [
        ("unknown_channel", 404),
        ("not_available", 400),
        ("unrecoverable_position", 416),
        ("conflict", 409),
    ],
)
async def test_api_error_by_status(gateway, slug, status):
    """Asked for by a header, an error is answered by the status that Centrifugo gives it."""
    gateway.error = ChannelError(slug)
    answer = await gateway.post(headers=[*KEY, ("X-Centrifugo-Error-Mode", "transport")])

    assert (answer.status, answer.json()["slug"]) == (status, slug)


async def test_api_error_mode_setting():
    """The setting asks for statuses once and for all."""
    gateway = Gateway(is_transport_error_mode=True)
    gateway.error = ChannelError("unknown_channel")

    assert (await gateway.post()).status == 404


async def test_api_stopping(gateway):
    """Once the snapshot is near, publications are refused as temporary; while draining they still pass."""
    gateway.lifecycle.advance(Phase.DRAINING)
    assert (await gateway.post()).status == 200

    gateway.lifecycle.advance(Phase.STOPPING)
    answer = await gateway.post()
    assert (answer.status, answer.json()["slug"]) == (503, "shutting_down")
    assert answer.headers["retry-after"] == "1"
    assert (await gateway.post("/api/batch", b"{}")).status == 503


async def test_api_raw_payload_kept_as_is(gateway):
    """Payloads are copied out of the request's buffer, not re-encoded."""
    await gateway.post(body=b'{"channel":"a","data":1e999}')

    assert gateway.requests[0].data is not msgspec.UNSET
    assert bytes(gateway.requests[0].data) == b"1e999"


async def test_api_crash(gateway):
    """A fault of ours is counted as one and left to the application to answer."""
    gateway.error = RuntimeError("oops")
    with pytest.raises(RuntimeError):
        await gateway.post()

    assert gateway.observed == [("publish", "internal_error")]
