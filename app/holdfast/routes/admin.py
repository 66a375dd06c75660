"""The admin paths: what operators ask a running instance, behind a token of their own."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope, Send

from holdfast.errors import DoorError, GatewayError
from holdfast.routes.body import ClientGone, read_body
from holdfast.routes.errors import check_method, refuse, send_bytes
from holdfast.routes.observers import observe_refused_admin

MAX_BODY_BYTES = 65536


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """One request: parts of the path, parameters of the query, the JSON body or None."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = field(default=None, repr=False)


Answer = Callable[[AdminRequest], Awaitable[object]]
"""Returns what is sent as JSON; raises a GatewayError to refuse."""


class AdminEndpoint:
    """ASGI application of one admin path.

    Args:
        token: what requests must carry; empty refuses all.
        answers: by HTTP method.
    """

    def __init__(self, token: str, answers: Mapping[str, Answer]) -> None:
        self._token = token.encode()
        self._answers = answers
        self._allow = ", ".join(answers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            check_method(scope, self._allow)
            self._check_token(scope)
            body = await read_body(receive, scope["headers"], MAX_BODY_BYTES)
            answer = await self._answers[scope["method"]](_request(scope, body))
        except ClientGone:
            return
        except GatewayError as error:
            observe_refused_admin(scope, error)
            await refuse(scope, send, error)
            return
        await send_bytes(send, 200, msgspec.json.encode(answer), [(b"cache-control", b"no-store")])

    def _check_token(self, scope: Scope) -> None:
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        kind, _, token = given.partition(b" ")
        if not self._token:
            raise DoorError("admin_token_missing", "No `admin.token` is configured, so the admin paths are closed.")
        if kind.lower() != b"bearer" or not token.strip():
            raise DoorError("admin_token_missing")
        if not hmac.compare_digest(token.strip(), self._token):
            raise DoorError("admin_token_invalid")


def _request(scope: Scope, body: bytes) -> AdminRequest:
    query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True))
    return AdminRequest(scope.get("path_params", {}), query, _json(body) if body else None)


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DoorError("query_invalid", f"Expected a JSON body; {error}.") from None
