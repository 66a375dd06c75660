"""`/auth/login`, `/auth/refresh`, `/auth/logout` and `/auth/session`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from prometheus_client import Counter
from starlette.types import Receive, Scope, Send

from holdfast.auth.grants import Granted
from holdfast.auth.login import Attempt, LoginService
from holdfast.errors import GatewayError, LoginError
from holdfast.resilience.parties import party_of
from holdfast.routes.auth_cookies import DEVICE_SECONDS, CookieJar, Header, jar_of
from holdfast.routes.body import ClientGone, media_type_of, read_body
from holdfast.routes.errors import check_method, error_headers, turn_away
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger
from holdfast.transports.refusal import refusal_body
from holdfast.transports.websocket import Originate, address_of

LOGIN_PATH: Final = "/auth/login"
REFRESH_PATH: Final = "/auth/refresh"
LOGOUT_PATH: Final = "/auth/logout"
SESSION_PATH: Final = "/auth/session"
METHODS: Final[Mapping[str, str]] = {
    LOGIN_PATH: "POST",
    REFRESH_PATH: "POST",
    LOGOUT_PATH: "POST",
    SESSION_PATH: "GET",
}
MAX_BODY_BYTES: Final = 8192
_SESSION_IS_GONE: Final = frozenset({"session_ended", "session_signed_out", "session_replayed"})
QUIET: Final = b"quiet"
"""Of a query: a first visit is told without an error that nobody is logged in, for browsers' consoles show each 401."""
_QUIET_PATHS: Final = frozenset({REFRESH_PATH, SESSION_PATH})
_COUNTED: Final[Mapping[str, Counter]] = {LOGIN_PATH: metrics.LOGINS, REFRESH_PATH: metrics.REFRESHES}

_log = get_logger(__name__)

_Text = Annotated[str, msgspec.Meta(max_length=1024)]


class _Credentials(msgspec.Struct):
    username: _Text
    password: _Text


class _Logout(msgspec.Struct):
    everywhere: bool = False


class _Answer(NamedTuple):
    status: int
    body: object
    cookies: list[Header]


@dataclass(frozen=True, slots=True)
class AuthRules:
    """What requests keep to: `origins` are the pages of other origins that may call, in lower case."""

    originate: Originate
    origins: frozenset[str]
    insecure_loopback: bool
    clock: Callable[[], float] = time.time


class _Request(NamedTuple):
    """One request that may be answered."""

    body: bytes
    address: str
    jar: CookieJar
    refresh: str


class AuthEndpoint:
    """ASGI application of one of the paths."""

    def __init__(self, path: str, service: LoginService, rules: AuthRules) -> None:
        self._path = path
        self._service = service
        self._rules = rules
        self._answer: Callable[[_Request], Awaitable[_Answer]] = {
            LOGIN_PATH: self._log_in,
            REFRESH_PATH: self._refresh,
            LOGOUT_PATH: self._log_out,
            SESSION_PATH: self._look,
        }[path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        address = address_of(scope, self._rules.originate)
        jar = jar_of(scope, self._rules.originate, insecure_loopback=self._rules.insecure_loopback)
        try:
            check_caller(scope, METHODS[self._path], self._rules)
            body = await read_body(receive, scope["headers"], MAX_BODY_BYTES)
        except ClientGone:
            return
        except GatewayError as error:
            self.observe(error, address)
            await turn_away(scope, receive, send, error)
            return
        try:
            answer = await self._answer(_Request(body, address, jar, own_refresh(self._service, jar)))
        except GatewayError as error:
            self.observe(error, address)
            if error.slug == "session_missing" and self._is_quiet(scope):
                await _send_answer(send, _Answer(200, {"user": None, "server_time": self._rules.clock()}, []))
                return
            gone = jar.forget("refresh", "session") if error.slug in _SESSION_IS_GONE else []
            headers = [(b"content-type", b"application/json"), *error_headers(error), *gone]
            await _send(send, error.code.http_status, headers, refusal_body(error))
            return
        await _send_answer(send, answer)

    def observe(self, error: GatewayError, address: str) -> None:
        """Count and log a refusal; nothing that was typed or sent as a cookie is in it."""
        counted = _COUNTED.get(self._path)
        if counted is not None:
            counted.labels(error.slug).inc()
        facts: dict[str, object] = {"slug": error.slug, "detail": error.detail, "address": address, "path": self._path}
        facts |= {name: value for name, value in error.context.items() if name in {"user", "session", "why"}}
        if error.slug == "session_replayed":
            _log.warning("session_replayed", **facts)
        elif error.slug in {"login_refused", "login_locked", "login_busy"}:
            _log.info("login_refused", **facts)
        elif error.slug in _SESSION_IS_GONE:
            _log.info("session_refused", **facts)
        elif error.slug not in {"session_missing", "users_unavailable"}:  # every first visit; said where it happened
            _log.info("auth_request_refused", **facts)

    # Private methods

    def _is_quiet(self, scope: Scope) -> bool:
        asked: bytes = scope.get("query_string", b"")
        return self._path in _QUIET_PATHS and QUIET in asked.split(b"&")

    async def _log_in(self, request: _Request) -> _Answer:
        given = decoded(request.body, _Credentials)
        attempt = Attempt(
            given.username,
            given.password,
            address=request.address,
            party=party_of(request.address),
            device=request.jar.get("device"),
            refresh=request.refresh,
        )
        granted = await self._service.log_in(attempt)
        metrics.LOGINS.labels("ok").inc()
        return self._granted(granted, request.jar)

    async def _refresh(self, request: _Request) -> _Answer:
        return self._granted(await self._service.refresh(request.refresh), request.jar)

    async def _log_out(self, request: _Request) -> _Answer:
        given = decoded(request.body or b"{}", _Logout)
        await self._service.log_out(request.refresh, everywhere=given.everywhere)
        return _Answer(204, None, request.jar.forget("refresh", "session"))

    async def _look(self, request: _Request) -> _Answer:
        user, live, count = await self._service.look(request.refresh)
        body = {
            "user": {"id": user.id, "name": user.name},
            "since": live.session.started_at,
            "expires_at": live.expires_at,
            "sessions": count,
            "server_time": self._rules.clock(),
        }
        return _Answer(200, body, [])

    def _granted(self, granted: Granted, jar: CookieJar) -> _Answer:
        now = self._rules.clock()
        live, user = granted.session, granted.user
        left = live.expires_at - now
        cookies = [
            jar.give("refresh", live.token, left),
            jar.give("session", self._service.session_cookie(live), left),
        ]
        if granted.device:
            cookies.append(jar.give("device", granted.device, DEVICE_SECONDS))
        body = {
            "token": granted.token,
            "expires_in": round(granted.expires_in, 3),
            "server_time": round(now, 3),
            "user": {"id": user.id, "name": user.name},
        }
        return _Answer(200, body, cookies)


def check_caller(scope: Scope, method: str, rules: AuthRules) -> None:
    """Let requests of our own pages pass, of those that are listed, and of what is no browser.

    Raises:
        DoorError: `method_not_allowed`.
        LoginError: `csrf_refused`.
    """
    check_method(scope, method)
    seen = {name: value.strip().decode("latin-1") for name, value in scope["headers"]}
    origin = seen.get(b"origin", "").lower()
    is_listed = origin in rules.origins
    peer = scope.get("client")
    _, scheme = rules.originate(peer[0] if peer else "", scope.get("scheme", "http"), scope["headers"])
    if scheme == "https" and origin.startswith("http:") and not is_listed:
        # Whoever sits in between can be that page (RFC 6454, 4: the scheme is part of an origin).
        raise LoginError("csrf_refused", "Expected a page that came by https, came one by http.")
    site = seen.get(b"sec-fetch-site", "")
    if site not in {"", "same-origin"} and not is_listed and (site, method) != ("none", "GET"):
        raise LoginError("csrf_refused", f"Expected Sec-Fetch-Site: same-origin, came {site[:20]!r}.")
    # A form cannot send it, and a script of another origin has to ask first (Fetch standard, 2.2.2).
    if method == "POST" and (kind := media_type_of(scope["headers"])) != b"application/json":
        came = repr(kind[:60].decode("latin-1")) if kind else "none"
        raise LoginError("csrf_refused", f"Expected the content type application/json, came {came}.")


def own_refresh(service: LoginService, jar: CookieJar) -> str:
    """Return the refresh token that goes with the session cookie of a request, "" if none does."""
    return service.own_of(jar.all("refresh"), jar.get("session"))


def decoded(body: bytes, kind: type[Any]) -> Any:
    """Return a body of JSON.

    Raises:
        LoginError: `login_malformed`.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LoginError("login_malformed", f"{error}.") from None


async def _send_answer(send: Send, answer: _Answer) -> None:
    headers = [(b"cache-control", b"no-store"), *answer.cookies]
    if answer.body is not None:
        headers.append((b"content-type", b"application/json"))
    await _send(send, answer.status, headers, b"" if answer.body is None else msgspec.json.encode(answer.body))


async def _send(send: Send, status: int, headers: list[Header], body: bytes) -> None:
    if status != 204:
        headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
