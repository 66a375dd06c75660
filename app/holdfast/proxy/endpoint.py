"""One configured proxy: typed calls, counted and named."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import perf_counter

import msgspec
from msgspec import Struct

from holdfast.codes_application import close_fault, error_fault
from holdfast.errors import ApplicationError, GatewayError, ProxyError
from holdfast.proxy.caller import Caller, CallError
from holdfast.proxy.guard import Guard
from holdfast.proxy.headers import ClientHeaders, HeaderRules
from holdfast.proxy.messages import Answer, DisconnectReply, ErrorReply, Result
from holdfast.resilience.circuit_breaker import BreakerState
from holdfast.settings_proxies import Proxy
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)
_encode = msgspec.json.Encoder().encode

# What says that the backend is down or overwhelmed. Anything else it answered, so it lives, and cutting off everybody
# for one bad answer would hide that answer's cause.
_DOWN = frozenset({"proxy_timeout", "proxy_refused", "proxy_broken"})


class Endpoint:
    """A proxy that calls can be made of.

    Args:
        name: what metrics and logs call it.
        place: the key of its settings, for faults.
        settings: the proxy.
        clock: monotonic seconds.
        caller: for tests, instead of the network.

    Raises:
        ConfigError: a certificate file cannot be used.
    """

    def __init__(
        self,
        name: str,
        place: str,
        settings: Proxy,
        clock: Callable[[], float],
        caller: Caller | None = None,
    ) -> None:
        self.name = name
        self.settings = settings
        self.encoding = "binary" if settings.binary_encoding else "json"
        self._headers = HeaderRules(settings)
        self._caller = caller or _http_caller(settings, place)
        self._guard = Guard(settings, clock, self._is_failure, self._on_breaker, name)
        self._transforms = {one.status_code: one for one in settings.http.status_to_code_transforms}

    @property
    def in_flight(self) -> int:
        """How many calls are being made."""
        return self._guard.in_flight

    @property
    def breaker_state(self) -> BreakerState:
        """Where the breaker stands."""
        return self._guard.breaker_state

    def forwards(self, name: bytes) -> bool:
        """Tell whether a header of the handshake (in lower case) is forwarded."""
        return self._headers.takes(name)

    def pick(
        self, handshake: Iterable[tuple[bytes, bytes]], emulated: Mapping[str, str], address: str
    ) -> ClientHeaders:
        """Return what calls of this proxy may carry of a client's headers."""
        return self._headers.pick(handshake, emulated, address)

    async def call(
        self, request: Struct, decoder: msgspec.json.Decoder[Answer[Result]], client: ClientHeaders
    ) -> Result:
        """Ask the backend and return its result.

        Raises:
            ApplicationError: it answered an error or a disconnect instead.
            ProxyError: it gave no usable answer.
        """
        started = perf_counter()
        slug = "cancelled"
        try:
            result = await self._ask(request, decoder, client)
            slug = "ok"
            return result
        except GatewayError as error:
            slug = error.slug
            raise
        finally:
            metrics.PROXY_CALLS.labels(self.name, slug).inc()
            metrics.PROXY_SECONDS.labels(self.name).observe(perf_counter() - started)

    def bad_reply(self, detail: str) -> ProxyError:
        """Return the error of an answer that turned out unusable later; it counts as a call of its own."""
        metrics.PROXY_CALLS.labels(self.name, "proxy_bad_reply").inc()
        return ProxyError("proxy_bad_reply", detail, proxy=self.name)

    async def close(self) -> None:
        """End the connections."""
        await self._caller.close()

    # Private methods

    async def _ask(
        self, request: Struct, decoder: msgspec.json.Decoder[Answer[Result]], client: ClientHeaders
    ) -> Result:
        body, headers = _encode(request), self._headers.build(client)
        try:
            reply = await self._guard.run(lambda: self._caller.post(body, headers))
            answer = _decode(reply, decoder)
        except CallError as error:
            self._raise_transformed(error.status)
            raise ProxyError(error.slug, error.detail, proxy=self.name) from None
        if answer.disconnect is not None:
            self._raise_disconnect(answer.disconnect)
        if answer.error is not None:
            self._raise_error(answer.error)
        if answer.result is None:
            raise ProxyError("proxy_bad_reply", "neither result, error nor disconnect", proxy=self.name)
        return answer.result

    def _is_failure(self, error: CallError) -> bool:
        return error.slug in _DOWN or (error.status >= 500 and error.status not in self._transforms)

    def _on_breaker(self, state: BreakerState) -> None:
        write = _log.warning if state is BreakerState.OPEN else _log.info
        write("proxy_breaker", proxy=self.name, state=state.name.lower())

    def _raise_transformed(self, status: int) -> None:
        transform = self._transforms.get(status)
        if transform is None:
            return
        error, close = transform.to_error, transform.to_disconnect
        if error.code:
            raise ApplicationError(
                "application_error", error.code, error.message, temporary=error.temporary, proxy=self.name
            )
        raise ApplicationError("application", close.code, close.reason, proxy=self.name)

    def _raise_disconnect(self, order: DisconnectReply) -> None:
        reason = order.reason or ""
        if fault := close_fault(order.code, reason):
            raise ProxyError("proxy_bad_number", fault, proxy=self.name)
        raise ApplicationError("application", order.code, reason, proxy=self.name)

    def _raise_error(self, error: ErrorReply) -> None:
        if fault := error_fault(error.code):
            raise ProxyError("proxy_bad_number", fault, proxy=self.name)
        message = error.message or "application_error"
        raise ApplicationError(
            "application_error", error.code, message, temporary=bool(error.temporary), proxy=self.name
        )


def _http_caller(settings: Proxy, place: str) -> Caller:
    from holdfast.proxy.http_caller import HttpCaller

    return HttpCaller(settings, place)


def _decode(reply: bytes, decoder: msgspec.json.Decoder[Answer[Result]]) -> Answer[Result]:
    try:
        if not reply.isascii():
            reply.decode()  # raw payloads are handed on to clients, so all of it must be UTF-8
        return decoder.decode(reply)
    except msgspec.ValidationError as error:
        raise CallError("proxy_bad_reply", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Without the parser's words, which may have parts of the answer.
        raise CallError("proxy_bad_reply", "expected a JSON object in UTF-8") from None
