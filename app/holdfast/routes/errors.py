"""Refusals over HTTP: each has the JSON body `{code, slug, message, remedy}`, on every path."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from holdfast.errors import DoorError, GatewayError
from holdfast.routes.body import linger
from holdfast.routes.observers import observe_refused_path
from holdfast.transports.refusal import RETRY_AFTER_SECONDS, refusal_body
from holdfast.transports.websocket import refuse_handshake

Headers = list[tuple[bytes, bytes]]


def error_headers(error: GatewayError, *, close: bool = False) -> Headers:
    """Return a refusal's own headers: when to come back, what is allowed, how to show a key."""
    headers: Headers = [(b"cache-control", b"no-store")]
    status = error.code.http_status
    if status in {429, 503}:
        headers.append((b"retry-after", str(RETRY_AFTER_SECONDS).encode()))
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer" if error.slug.startswith("admin_") else b"apikey"))
    if status == 426:
        headers.append((b"upgrade", b"websocket"))
    allow = error.context.get("allow")
    if isinstance(allow, str):
        headers.append((b"allow", allow.encode()))
    if close:
        headers.append((b"connection", b"close"))
    return headers


async def send_bytes(send: Send, status: int, body: bytes, headers: Headers, kind: bytes = b"application/json") -> None:
    """Answer a request whole; `headers` come after type and length."""
    own: Headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": own + headers})
    await send({"type": "http.response.body", "body": body})


async def turn_away(
    scope: Scope, receive: Receive, send: Send, error: GatewayError, more: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Refuse a request whose body was not read, with `more` headers, and end the connection behind the answer."""
    body = refusal_body(error)
    headers = [*error_headers(error, close=True), *more]
    headers += [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.code.http_status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    await linger(receive, scope["headers"])
    await send({"type": "http.response.body", "body": b""})


async def refuse(scope: Scope, send: Send, error: GatewayError, *, close: bool = False, **extra: object) -> None:
    """Answer with a refusal, also to a WebSocket handshake; `close` ends the HTTP connection."""
    if scope["type"] == "websocket":
        await refuse_handshake(scope, send, error)
    else:
        body = refusal_body(error, **extra)
        await send_bytes(send, error.code.http_status, body, error_headers(error, close=close))


def check_method(scope: Scope, allow: str) -> None:
    """Let only the methods in `allow` pass, which looks like `GET, HEAD`.

    Raises:
        DoorError: `method_not_allowed`, with the Allow header's value in its context.
    """
    method = scope["method"]
    if method not in allow.split(", "):
        raise DoorError("method_not_allowed", f"It takes {allow}; came {method[:40]}.", allow=allow)


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer 404 `not_found` to whatever came."""
    error = DoorError("not_found", f"Came {scope['path'][:200]!r}.")
    observe_refused_path(scope, error)
    await refuse(scope, send, error)


class UpgradeRequired:
    """Answers 426 `upgrade_required` to plain HTTP on a path for WebSocket handshakes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        error = DoorError("upgrade_required", f"Came {scope['method'][:40]} without an upgrade.")
        observe_refused_path(scope, error)
        await refuse(scope, send, error)


def crash_response(request: Request, error: Exception) -> Response:
    """Answer 500 `internal_error`; the server logs the traceback."""
    return Response(refusal_body(GatewayError("internal_error")), 500, media_type="application/json")
