"""Which pages may call, and what their browsers are told."""

import pytest

from holdfast.admission.origin import OriginPolicy
from holdfast.transports.cors import CORS_HEADERS, CrossOrigin
from tests.asgi import call

PAGE = "https://app.example.com"
HOST = ("Host", "gateway.example.com")


class Wrapped:
    """An endpoint behind the check, and whom it refused."""

    def __init__(self):
        self.scopes = []
        self.refused = []
        self.app = CrossOrigin(self.endpoint, OriginPolicy([PAGE]), "GET, POST", self.note)

    async def endpoint(self, scope, receive, send):
        """Answer."""
        self.scopes.append(scope)
        await send({"type": "http.response.start", "status": 404, "headers": [(b"x", b"y")]})
        await send({"type": "http.response.body", "body": b"no"})

    def note(self, scope, error):
        """Remember."""
        self.refused.append((scope["path"], error.slug))


@pytest.mark.parametrize("origin", [PAGE, "https://gateway.example.com"])
async def test_page_that_may_call_can_read_every_answer(origin):
    """Its origin is echoed, with credentials, whatever the status; answers outside ASGI get the same headers."""
    wrapped = Wrapped()
    answer = await call(wrapped.app, "POST", headers=[HOST, ("Origin", origin)])

    assert answer.status == 404
    assert answer.headers == {
        "x": "y",
        "vary": "Origin",
        "access-control-allow-origin": origin,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "retry-after, x-attempt-id",
    }
    assert dict(wrapped.scopes[0][CORS_HEADERS])[b"access-control-allow-origin"] == origin.encode()


async def test_request_without_origin_passes():
    """It comes from no foreign page; caches are told all the same that answers differ."""
    answer = await call(Wrapped().app, "POST", headers=[HOST])

    assert (answer.status, answer.headers) == (404, {"x": "y", "vary": "Origin"})


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "GET"])
@pytest.mark.parametrize(
    "headers",
    [
        [("Origin", "https://evil.example.com")],
        [("Origin", "null")],
        [("Origin", PAGE), ("Origin", PAGE)],
        [("Origin", PAGE + "/path")],
    ],
)
async def test_foreign_page_is_refused(method, headers):
    """403 with the cause, which its script cannot read; the endpoint is not asked."""
    wrapped = Wrapped()
    answer = await call(wrapped.app, method, headers=[HOST, *headers])

    assert (answer.status, answer.json()["slug"]) == (403, "origin_not_allowed")
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-origin" not in answer.headers
    assert wrapped.refused == [("/", "origin_not_allowed")]
    assert not wrapped.scopes


async def test_preflight_is_answered():
    """Methods and headers are allowed for five minutes, without a body."""
    asked = ("Access-Control-Request-Headers", "content-type")
    answer = await call(Wrapped().app, "OPTIONS", headers=[("Origin", PAGE), asked])

    assert (answer.status, answer.body) == (204, b"")
    for name, value in {
        "allow": "GET, POST, OPTIONS",
        "access-control-allow-methods": "GET, POST, OPTIONS",
        "access-control-allow-headers": "content-type",
        "access-control-allow-origin": PAGE,
        "access-control-max-age": "300",
    }.items():
        assert answer.headers[name] == value
    assert "content-length" not in answer.headers


async def test_options_without_origin_tells_the_methods():
    """Asked by no page it is an ordinary question."""
    answer = await call(Wrapped().app, "OPTIONS")

    assert (answer.status, answer.headers["allow"]) == (204, "GET, POST, OPTIONS")


@pytest.mark.parametrize(
    ("status", "headers", "is_exposed"), [(503, True, True), (200, True, False), (503, False, False)]
)
async def test_refusals_show_their_headers_to_pages(status, headers, is_exposed):
    """A page may read when to come back and which attempt it was; other answers need no such header."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body"})

    wrapped = CrossOrigin(app, OriginPolicy([PAGE]), "POST", print)
    answer = await call(wrapped, headers=[("Origin", PAGE)] if headers else [])

    assert ("access-control-expose-headers" in answer.headers) is is_exposed
