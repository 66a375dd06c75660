"""Cross-origin requests (Fetch standard, 3.2): which pages may call an endpoint, and the headers that let them read
its answer.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.admission.origin import OriginPolicy
from holdfast.errors import DoorError, GatewayError
from holdfast.routes.errors import turn_away

CORS_HEADERS: Final = "holdfast.cors"
"""Key of the scope: the headers that an answer needs which does not go through ASGI's `send`."""

# How long a browser may keep a preflight's answer, in seconds; Centrifugo's figure.
_MAX_AGE: Final = b"300"
# What a page may read of a refusal beside its body.
_EXPOSED: Final = (b"access-control-expose-headers", b"retry-after, x-attempt-id")

Headers = list[tuple[bytes, bytes]]
Refused = Callable[[Scope, GatewayError], object]


def origin_refused(reason: str) -> GatewayError:
    """Return the refusal of a page that may not open connections."""
    return DoorError("origin_not_allowed", reason)


class CrossOrigin:
    """Wraps an endpoint: answers preflights, refuses pages of foreign origins, lets the others read every answer.

    Requests without Origin come from no browser, or from the same origin, and pass.
    """

    def __init__(
        self,
        app: ASGIApp,
        origins: OriginPolicy,
        methods: str,
        refused: Refused,
        refusal: Callable[[str], GatewayError] = origin_refused,
    ) -> None:
        """Let pages of `origins` use `methods`, such as `GET, POST`.

        `refused` is told of each refusal, which `refusal` makes of its reason.
        """
        self._app = app
        self._origins = origins
        self._methods = f"{methods}, OPTIONS".encode()
        self._refused = refused
        self._refusal = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        seen = _values(scope["headers"], b"origin", b"host")
        origins = [origin.decode("latin-1") for origin in seen[b"origin"]]
        host = seen[b"host"][-1].decode("latin-1") if seen[b"host"] else ""
        reason = self._origins.refusal(origins, host)
        if reason is not None:
            error = self._refusal(reason)
            self._refused(scope, error)
            await turn_away(scope, receive, send, error, [(b"vary", b"Origin")])
            return
        headers = _allowing(seen[b"origin"])
        if scope["method"] == "OPTIONS":
            headers += self._preflight(scope)
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body"})
            return
        scope[CORS_HEADERS] = headers
        await self._app(scope, receive, adding_headers(headers, send, [_EXPOSED] if origins else ()))

    def _preflight(self, scope: Scope) -> Headers:
        asked = _values(scope["headers"], b"access-control-request-headers")[b"access-control-request-headers"]
        headers = [
            (b"allow", self._methods),
            (b"access-control-allow-methods", self._methods),
            (b"access-control-max-age", _MAX_AGE),
        ]
        if asked:
            headers.append((b"access-control-allow-headers", b", ".join(asked)))
        return headers


def _values(headers: Headers, *names: bytes) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {name: [] for name in names}
    for name, value in headers:
        if name in found:
            found[name].append(value.strip())
    return found


def _allowing(origins: list[bytes]) -> Headers:
    # A cache must tell answers to different pages apart, and those to no page at all.
    headers = [(b"vary", b"Origin")]
    if origins:
        headers += [(b"access-control-allow-origin", origins[0]), (b"access-control-allow-credentials", b"true")]
    return headers


def adding_headers(
    headers: Headers, send: Send, to_refusals: Iterable[tuple[bytes, bytes]] = ()
) -> Callable[[MutableMapping[str, Any]], Awaitable[None]]:
    """Return a `send` that gives the answer further headers, and some to refusals alone."""

    async def send_with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *headers, *(to_refusals if message["status"] >= 400 else ())]
        await send(message)

    return send_with_headers
