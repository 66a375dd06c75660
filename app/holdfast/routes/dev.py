"""The switches of the demo page, which break what networks, servers and clocks break; only under `serve --dev`.

Whoever is logged in may break what is their own: a connection, which the page names by the id of its attempt, the way
of this browser to a transport, and this instance, which nobody but its developer uses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from holdfast.auth.login import LoginService
from holdfast.auth.users import User
from holdfast.connections.connection import Connection
from holdfast.connections.manager import EnhancedWebSocketManager
from holdfast.errors import DoorError, GatewayError
from holdfast.routes.auth import AuthRules, check_caller, decoded, own_refresh
from holdfast.routes.auth_cookies import jar_of
from holdfast.routes.body import ClientGone, read_body
from holdfast.routes.errors import Headers, error_headers, send_bytes, turn_away
from holdfast.telemetry.logs import get_logger
from holdfast.transports.refusal import refusal_body

SWITCH_PATH: Final = "/auth/dev/"
"""Below it, for the session's cookie goes to no other path."""
BLOCK_COOKIE: Final = "holdfast_blocked"
LONGEST_BLOCK_SECONDS: Final = 600
MAX_BODY_BYTES: Final = 1024
# The answer leaves before what it was asked for happens to the connections of the page.
_SOON_SECONDS: Final = 0.05
# Older than any leeway, and issued by a gateway that sees it at once.
_EXPIRED_SECONDS: Final = 3600

_BLOCK_PAGE: Final = b"<!doctype html><title>Blocked</title><p>The demo's filter lets nothing through to this path."

_log = get_logger(__name__)


class _Asked(msgspec.Struct):
    attempt: Annotated[str, msgspec.Meta(max_length=64)] = ""
    transports: Annotated[list[Annotated[str, msgspec.Meta(pattern="^[a-z_]{1,20}$")]], msgspec.Meta(max_length=4)] = []
    seconds: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_BLOCK_SECONDS)] = 0


@dataclass(frozen=True, slots=True)
class Breakable:
    """What the switches break.

    `expired_token` makes a token of a user, by their id, that ended so many seconds ago; `restart` lets the instance
    stop in order and begin again.
    """

    manager: EnhancedWebSocketManager
    expired_token: Callable[[str, int], str]
    restart: Callable[[], object]


_Answer = tuple[object, Headers]


class Switches:
    """ASGI applications by path, one for each switch; `service` says who asks."""

    def __init__(self, service: LoginService, rules: AuthRules, breakable: Breakable) -> None:
        self._service = service
        self._rules = rules
        self._breakable = breakable

    def paths(self) -> Mapping[str, ASGIApp]:
        """Return what answers, by path."""
        actions: dict[str, Callable[[User, _Asked], _Answer]] = {
            "kill": self._kill,
            "silence": self._silence,
            "expire": self._expire,
            "token": self._token,
            "block": self._block,
            "restart": self._restart,
        }
        return {f"{SWITCH_PATH}{name}": self._endpoint(name, action) for name, action in actions.items()}

    # Private methods

    def _endpoint(self, name: str, action: Callable[[User, _Asked], _Answer]) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            jar = jar_of(scope, self._rules.originate, insecure_loopback=self._rules.insecure_loopback)
            try:
                check_caller(scope, "POST", self._rules)
                body = await read_body(receive, scope["headers"], MAX_BODY_BYTES)
            except ClientGone:
                return
            except GatewayError as error:
                await turn_away(scope, receive, send, error)
                return
            try:
                user, _, _ = await self._service.look(own_refresh(self._service, jar))
                told, headers = action(user, decoded(body, _Asked))
            except GatewayError as error:
                await send_bytes(send, error.code.http_status, refusal_body(error), error_headers(error))
                return
            _log.info("dev_switch", switch=name, user=user.id)
            await send_bytes(send, 200, msgspec.json.encode(told), [(b"cache-control", b"no-store"), *headers])

        return _Endpoint(answer)

    def _own(self, user: User, asked: _Asked) -> Connection:
        found = self._breakable.manager.by_attempt(asked.attempt)
        if found is None or not found.is_connected or found.user != user.id:
            raise DoorError("unknown_attempt", "Expected the attempt of a connection of yours that is open.")
        return found

    def _kill(self, user: User, asked: _Asked) -> _Answer:
        _soon(self._own(user, asked).transport.abort)
        return {}, []

    def _silence(self, user: User, asked: _Asked) -> _Answer:
        connection = self._own(user, asked)
        _soon(lambda: silence(connection))
        return {"ping_seconds": connection.core.client.ping_interval}, []

    def _expire(self, user: User, asked: _Asked) -> _Answer:
        connection = self._own(user, asked)
        _soon(lambda: connection.close("connection_expired"))
        return {}, []

    def _token(self, user: User, asked: _Asked) -> _Answer:
        return {"token": self._breakable.expired_token(user.id, _EXPIRED_SECONDS), "expired_ago": _EXPIRED_SECONDS}, []

    def _block(self, user: User, asked: _Asked) -> _Answer:
        names = ".".join(asked.transports)
        seconds = asked.seconds if names else 0
        cookie = f"{BLOCK_COOKIE}={names}; Path=/connection; Max-Age={seconds}; HttpOnly; SameSite=Strict"
        return {"transports": asked.transports, "seconds": seconds}, [(b"set-cookie", cookie.encode())]

    def _restart(self, user: User, asked: _Asked) -> _Answer:
        _soon(self._breakable.restart)
        return {}, []


class _Endpoint:
    """An ASGI application that routes take for one: they would call a function as they call views."""

    def __init__(self, answer: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._answer(scope, receive, send)


class Blockable:
    """Wraps the door of one transport: browsers that asked for it meet a filter there, and nobody else does.

    The filter stands before the gateway, as those of companies do: the gateway does not know of the attempt.
    """

    def __init__(self, app: ASGIApp, transport: str) -> None:
        self._app = app
        self._transport = transport

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if self._transport not in blocked_by(scope["headers"]):
            await self._app(scope, receive, send)
            return
        _log.info("dev_blocked", transport=self._transport)
        start: dict[str, Any] = {"type": "http.response.start", "status": 403}
        body: dict[str, Any] = {"type": "http.response.body", "body": _BLOCK_PAGE}
        if scope["type"] == "websocket":
            await receive()  # websocket.connect
            for message in (start, body):
                message["type"] = f"websocket.{message['type']}"
        size = b"%d" % len(_BLOCK_PAGE)
        await send({**start, "headers": [(b"content-type", b"text/html"), (b"content-length", size)]})
        await send(body)


def blocked_by(headers: Headers) -> frozenset[str]:
    """Return the transports that the browser of a request wants to be blocked."""
    for name, value in headers:
        if name == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, _, names = pair.strip().partition("=")
                if key == BLOCK_COOKIE:
                    return frozenset(names.split("."))
    return frozenset()


def silence(connection: Connection) -> None:
    """Let nothing more leave to a client, pings neither, while its socket stays open: what a dead link looks like."""
    connection.core.heartbeat.discard(connection)
    connection.awaiting_pong = False
    connection.write = _swallow


def _swallow(unit: bytes) -> None:
    """Take what nobody gets."""


def _soon(action: Callable[[], object]) -> None:
    asyncio.get_running_loop().call_later(_SOON_SECONDS, action)
