"""Refusals over HTTP: each has the JSON body `{code, slug, message, remedy}`, on every path.

A refused attempt to connect also has its id, `attempt`, and the header `x-attempt-id`.
"""

from __future__ import annotations

from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from holdfast.admission.attempts import ATTEMPT, attempt_of
from holdfast.errors import DoorError, GatewayError, LoginError
from holdfast.routes.body import linger
from holdfast.routes.observers import observe_refused_path
from holdfast.transports.refusal import cause_headers, refusal_body
from holdfast.transports.websocket import Originate, address_of, as_it_came, refuse_handshake

Headers = list[tuple[bytes, bytes]]


def error_headers(error: GatewayError, attempt: str = "", *, close: bool = False) -> Headers:
    """Return a refusal's own headers: when to come back, what is allowed, how to show a key."""
    headers = cause_headers(error, attempt)
    status = error.code.http_status
    if status == 401:
        headers.append((b"www-authenticate", _challenge(error)))
    if status == 426:
        headers.append((b"upgrade", b"websocket"))
    allow = error.context.get("allow")
    if isinstance(allow, str):
        headers.append((b"allow", allow.encode()))
    if close:
        headers.append((b"connection", b"close"))
    return headers


def _challenge(error: GatewayError) -> bytes:
    """Return what kind of key the path takes (RFC 9110, 11.6.1); no kind of ours makes a browser ask for a password."""
    if isinstance(error, LoginError):
        return b"Cookie"
    return b"Bearer" if error.slug.startswith("admin_") else b"apikey"


async def send_bytes(send: Send, status: int, body: bytes, headers: Headers, kind: bytes = b"application/json") -> None:
    """Answer a request whole; `headers` come after type and length."""
    own: Headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": own + headers})
    await send({"type": "http.response.body", "body": body})


async def turn_away(
    scope: Scope, receive: Receive, send: Send, error: GatewayError, more: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Refuse a request whose body was not read, with `more` headers, and end the connection behind the answer."""
    attempt = scope.get(ATTEMPT, "")
    body = refusal_body(error, attempt)
    headers = [*error_headers(error, attempt, close=True), *more]
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
        attempt = scope.get(ATTEMPT, "")
        body = refusal_body(error, attempt, **extra)
        await send_bytes(send, error.code.http_status, body, error_headers(error, attempt, close=close))


def check_method(scope: Scope, allow: str) -> None:
    """Let only the methods in `allow` pass, which looks like `GET, HEAD`.

    Raises:
        DoorError: `method_not_allowed`, with the Allow header's value in its context.
    """
    method = scope["method"]
    if method not in allow.split(", "):
        raise DoorError("method_not_allowed", f"It takes {allow}; came {method[:40]}.", allow=allow)


class NotFound:
    """Answers 404 `not_found` to whatever came; `originate` says from where."""

    def __init__(self, originate: Originate = as_it_came) -> None:
        self._originate = originate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        error = DoorError("not_found", f"Came {scope['path'][:200]!r}.")
        await _refuse_path(scope, send, error, self._originate)


class UpgradeRequired:
    """Answers 426 to plain HTTP on a path for WebSocket handshakes.

    The cause is `upgrade_required`, or `upgrade_stripped` for what was a handshake when it left the client.
    """

    def __init__(self, originate: Originate = as_it_came) -> None:
        self._originate = originate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await _refuse_path(scope, send, _why_no_upgrade(scope), self._originate)


async def _refuse_path(scope: Scope, send: Send, error: DoorError, originate: Originate) -> None:
    observe_refused_path(scope, error, address_of(scope, originate), attempt_of(scope))
    await refuse(scope, send, error)


def _why_no_upgrade(scope: Scope) -> DoorError:
    # Connection and Upgrade are for one hop (RFC 9110, 7.6.1), so proxies drop them; the key is passed on.
    if any(name == b"sec-websocket-key" for name, _ in scope["headers"]):
        return DoorError("upgrade_stripped", f"It came as HTTP/{scope['http_version']}, with Sec-WebSocket-Key.")
    return DoorError("upgrade_required", f"Came {scope['method'][:40]} without an upgrade.")


def crash_response(request: Request, error: Exception) -> Response:
    """Answer 500 `internal_error`; the server logs the traceback."""
    return Response(refusal_body(GatewayError("internal_error")), 500, media_type="application/json")
