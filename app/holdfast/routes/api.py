"""The server API: `POST /api/<method>` with a key and a JSON body, answered as Centrifugo answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import msgspec
from starlette.types import Receive, Scope, Send

from holdfast.connections.lifecycle import Lifecycle
from holdfast.errors import DoorError, GatewayError, LifecycleError, ProtocolError
from holdfast.routes.api_keys import ApiKeys
from holdfast.routes.api_messages import ErrorBody
from holdfast.routes.body import ClientGone, read_body
from holdfast.routes.errors import check_method, refuse, send_bytes, turn_away
from holdfast.transports.websocket import Originate, address_of, as_it_came

_PUBLISHING = frozenset({"publish", "broadcast", "batch", "/api"})
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Method:
    """One method: how its body is decoded and what carries it out."""

    name: str
    decode: Callable[[bytes], Any]
    run: Callable[[Any], Awaitable[Any]]
    is_bare: bool = False
    """The answer is the result itself, without `{"result": ...}` around it (batch alone)."""


@dataclass(frozen=True, slots=True)
class ApiRules:
    """What the endpoint holds requests to."""

    keys: ApiKeys
    max_body_bytes: int
    is_transport_error_mode: bool = False
    originate: Originate = as_it_came
    """Where a request came from behind trusted proxies."""


class Observer(Protocol):
    """Told of every call, once."""

    def __call__(
        self, method: str, slug: str, detail: str = "", seconds: float | None = None, address: str = ""
    ) -> None:
        """Know that a call ended: `ok` or the slug, how long it took once its body was there, and who failed."""


def method_of(name: str, request: type, run: Callable[[Any], Awaitable[Any]], *, is_bare: bool = False) -> Method:
    """Return the method that decodes its body as `request`, and takes an empty body for `{}`."""
    return Method(name, checked(msgspec.json.Decoder(request).decode), run, is_bare)


def checked(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Return a decoder whose every failure is `bad_request` and names what is wrong."""

    def decode_body(body: bytes) -> Any:
        try:
            if not body.isascii():
                body.decode()  # raw payloads are handed on to clients, so all of it must be UTF-8
            return decode(body or b"{}")
        except msgspec.ValidationError as error:
            raise ProtocolError("bad_request", f"{error}.") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise ProtocolError("bad_request", f"Expected a JSON object; {reason}.") from None

    return decode_body


class ApiEndpoint:
    """ASGI application of `/api` and everything below it."""

    def __init__(
        self,
        methods: Mapping[str, Method],
        rules: ApiRules,
        lifecycle: Lifecycle,
        observe: Observer,
    ) -> None:
        self._methods = methods
        self._rules = rules
        self._lifecycle = lifecycle
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path: str = scope["path"]
        name = path if path in self._methods else path.rpartition("/")[2]
        label = name if name in self._methods else "unknown"
        try:
            method = self._admit(scope, name)
            body = await read_body(receive, scope["headers"], self._rules.max_body_bytes)
            request = method.decode(body)
        except ClientGone:
            self._observe(label, "client_gone", "before the body was complete", None, self._address(scope))
        except DoorError as error:
            self._observe(label, error.slug, error.detail, None, self._address(scope))
            await turn_away(scope, receive, send, error)
        except GatewayError as error:
            self._observe(label, error.slug, error.detail, None, self._address(scope))
            await refuse(scope, send, error)
        else:
            await self._run(method, request, scope, send)

    async def _run(self, method: Method, request: Any, scope: Scope, send: Send) -> None:
        started = perf_counter()
        try:
            answer = await method.run(request)
        except GatewayError as error:
            self._observe(method.name, error.slug, error.detail, perf_counter() - started, self._address(scope))
            await self._fail(scope, send, error)
        except Exception:
            spent = perf_counter() - started
            self._observe(method.name, "internal_error", "see the traceback", spent, self._address(scope))
            raise  # the application answers 500 and the server logs it
        else:
            self._observe(method.name, "ok", "", perf_counter() - started)
            payload = _encode(answer) if method.is_bare else b'{"result":%b}' % _encode(answer)
            await send_bytes(send, 200, payload, [])

    def _admit(self, scope: Scope, name: str) -> Method:
        check_method(scope, "POST")
        self._rules.keys.check(scope["headers"])
        method = self._methods.get(name)
        if method is None:
            raise DoorError(
                "not_found", f"Expected one of {', '.join(name for name in self._methods if '/' not in name)}."
            )
        if self._lifecycle.refuses_publications and name in _PUBLISHING:
            raise LifecycleError("shutting_down")
        return method

    def _address(self, scope: Scope) -> str:
        return address_of(scope, self._rules.originate)

    async def _fail(self, scope: Scope, send: Send, error: GatewayError) -> None:
        """Answer inside HTTP 200, or by status where settings or request ask for that."""
        asked = error.slug == "shutting_down" or (b"x-centrifugo-error-mode", b"transport") in scope["headers"]
        if asked or self._rules.is_transport_error_mode:
            await refuse(scope, send, error)
        else:
            await send_bytes(send, 200, _encode({"error": error_of(error)}), [])


def error_of(error: GatewayError) -> ErrorBody:
    """Return the `error` object of an answer."""
    return ErrorBody(error.number, error.message, error.detail)
