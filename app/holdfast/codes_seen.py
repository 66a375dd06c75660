"""Who sees a cause where: what a page is told, and where an operator finds it. Derived from kind, number and stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from holdfast.codes import Code
from holdfast.codes_browser import FOUND_BY_BOTH
from holdfast.codes_stages import stage_of


@dataclass(frozen=True, slots=True)
class Trace:
    """What the gateway leaves of a cause: metrics that have it as a label, events of log lines, paths to ask."""

    metrics: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


# A page's WebSocket, and with it the SDK, learns nothing of what happened before the handshake was answered with 101.
_BLIND: Final = (
    "WebSocket: close code 1006 without a reason; the SDK's event `error` has code 2, `transport closed`, and it tries"
    " again."
)
_ASK: Final = " Ask `/connection/explain`."
_HTTP_ALONE: Final = (
    "No WebSocket client meets it; the request is answered with HTTP {status} and the slug in its body."
)
_ATTEMPTS: Final = "/admin/attempts"
_ENDED: Final = "/admin/connections"

_HANDSHAKES: Final = "holdfast_handshakes_total"
_REQUESTS: Final = "holdfast_http_refusals_total"
_EMULATIONS: Final = "holdfast_emulation_requests_total"
_EXPLANATIONS: Final = "holdfast_explanations_total"
_BATCHES: Final = "holdfast_client_log_batches_total"
_API: Final = "holdfast_api_errors_total"
_TOKENS: Final = "holdfast_token_validations_total"
_ERRORS: Final = "holdfast_errors_total"
_CLOSES: Final = "holdfast_closes_total"
_LOGINS: Final = "holdfast_logins_total"
_REFRESHES: Final = "holdfast_session_refreshes_total"

_REFUSED_REQUEST: Final = Trace((_REQUESTS,), ("request_refused",), (_ATTEMPTS,))
_REFUSED_EITHER: Final = Trace((_REQUESTS, _HANDSHAKES), ("request_refused", "handshake_refused"), (_ATTEMPTS,))
_REFUSED_HANDSHAKE: Final = Trace((_HANDSHAKES,), ("handshake_refused",), (_ATTEMPTS,))
_FAILED_CALL: Final = Trace((_API,), ("api_call_failed",))
_FAILED_LOGIN: Final = Trace((_LOGINS,), ("login_refused",))
_FAILED_REFRESH: Final = Trace((_REFRESHES,), ("session_refused",))

# HTTP answers that no attempt to connect gets, or that leave something else than a refused handshake.
_NO_ATTEMPTS: Final = {
    "not_ready": Trace(),
    "api_key_missing": _FAILED_CALL,
    "api_key_invalid": _FAILED_CALL,
    "body_too_large": Trace((_API, _EMULATIONS, _BATCHES), ("api_call_failed", "emulation_refused", "poll_refused")),
    "method_not_allowed": Trace((_REQUESTS, _HANDSHAKES, _EMULATIONS), ("request_refused", "handshake_refused")),
    "unknown_session": Trace((_EMULATIONS,), ("emulation_refused", "poll_refused")),
    "emulation_malformed": Trace((_EMULATIONS,), ("emulation_refused",)),
    "connect_missing": _REFUSED_HANDSHAKE,
    "admin_token_missing": Trace((_REQUESTS,), ("admin_refused",)),
    "admin_token_invalid": Trace((_REQUESTS,), ("admin_refused",)),
    "query_invalid": Trace((_REQUESTS, _EXPLANATIONS), ("admin_refused",)),
    "log_token_invalid": Trace((_BATCHES,), ("browser_lines_refused",)),
    "log_batch_malformed": Trace((_BATCHES,), ("browser_lines_refused",)),
    "rate_limited": Trace((_BATCHES, _EXPLANATIONS, _REFRESHES), ("browser_lines_refused", "auth_request_refused")),
    "unknown_attempt": Trace((_EXPLANATIONS,)),
    "login_refused": _FAILED_LOGIN,
    "login_locked": _FAILED_LOGIN,
    "login_busy": _FAILED_LOGIN,
    "login_malformed": Trace((_LOGINS, _REFRESHES), ("auth_request_refused",)),
    "csrf_refused": Trace((_LOGINS, _REFRESHES), ("auth_request_refused",)),
    "users_unavailable": Trace((_LOGINS, _REFRESHES), ("users_unavailable",)),
    "session_missing": Trace((_REFRESHES,)),
    "session_ended": _FAILED_REFRESH,
    "session_signed_out": _FAILED_REFRESH,
    "session_replayed": Trace((_REFRESHES,), ("session_replayed",)),
}
_ATTEMPTS_ELSEHOW: Final = {
    "not_found": _REFUSED_EITHER,
    "upgrade_required": _REFUSED_EITHER,
    "bad_handshake": _REFUSED_EITHER,
    "bad_http": _REFUSED_REQUEST,
    "headers_too_large": _REFUSED_REQUEST,
    "url_too_long": _REFUSED_REQUEST,
    "request_timeout": _REFUSED_REQUEST,
}
_BY_API_ALONE: Final = frozenset({"publish_queue_full", "shutting_down", "conflict"})
# Errors that a connect may be answered with as well.
_OF_CONNECTS: Final = frozenset({"proxies", "breaker-open", "gateway-fault"})


_IN_ITS_OWN_WORDS: Final = {
    "client_closed": "Nothing: it closed the connection itself.",
    "application": "A close with the backend's own code and reason; from 4500 on the SDK's event is `disconnected`.",
    "application_error": "A reply with the backend's own error code and message.",
    "client_gone": (
        "Close code 1006 where something on the way cut the connection, nothing where the client is gone; the SDK"
        " reports `connecting` with code 1, `transport closed`."
    ),
}
_IN_ITS_OWN_WORDS["ack_timeout"] = _IN_ITS_OWN_WORDS["client_gone"]


def client_sees(code: Code) -> str:
    """Return what a page, an SDK or another client gets, in a sentence or two."""
    if code.slug in _IN_ITS_OWN_WORDS:
        return _IN_ITS_OWN_WORDS[code.slug]
    if code.kind == "path":
        return _on_the_way(code)
    if code.kind == "client":
        return "Browser client: an error with this slug."
    if code.kind == "http":
        if code.slug not in _NO_ATTEMPTS:
            return _BLIND + _ASK + f" Streams and polls get HTTP {code.http_status} with the slug in the body."
        return _HTTP_ALONE.format(status=code.http_status)
    if code.kind == "unsubscribe":
        event = "subscribing" if code.action == "retry" else "unsubscribed"
        return f"SDK: the subscription's event `{event}` with code {code.number} and the slug as reason."
    return _error(code) if code.kind == "error" else _close(code)


def trace_of(code: Code) -> Trace:
    """Return where the gateway counts, logs and remembers a cause."""
    if code.kind in {"path", "unsubscribe", "client"}:
        return Trace()
    if code.kind == "http":
        return (_NO_ATTEMPTS | _ATTEMPTS_ELSEHOW).get(code.slug, _REFUSED_HANDSHAKE)
    if code.slug.startswith("token_") or code.slug == "user_revoked":
        return Trace((_TOKENS,), ("token_refused", "connection_refused"), (_ATTEMPTS,))
    if code.kind == "error":
        return _of_error(code)
    # How a drain closes everybody is counted and not remembered.
    return Trace((_CLOSES,), ("connection_closed",), () if code.slug == "shutdown" else (_ENDED, _ATTEMPTS))


def _on_the_way(code: Code) -> str:
    if code.slug in FOUND_BY_BOTH:
        return "Browser client: an error with this slug. Others: no answer, or close code 1006."
    if stage_of(code.slug) in {"dns", "tcp", "tls", "upgrade"}:
        return _BLIND + " Nobody can tell the page more; run the probe from where the page is."
    return "Depends on where it happens: no answer, or close code 1006. The probe tells it apart."


def _close(code: Code) -> str:
    told = f"Close code {code.number} with the slug as reason"
    if code.number < 3000 and code.action == "retry":
        return f"{told}; the SDK reports `connecting` with code 1, `transport closed`."
    if code.slug == "message_too_big":
        return f"{told}; the SDK reports `disconnected` with code 3, `message size limit`."
    event = "connecting" if code.action == "retry" else "disconnected"
    return f"{told}; the SDK's event `{event}` has both."


def _error(code: Code) -> str:
    told = f"A reply with error {code.number} and the slug as message"
    if code.action == "fetch_token":
        return f"{told}; the SDK's event `error` has both, and `getToken` is asked again."
    if code.action == "retry":
        return f"{told}, temporary: a call's promise is rejected with it; connect and subscribe are tried again."
    ends = "connect ends with `disconnected`, subscribe with `unsubscribed`"
    return f"{told}: a call's promise is rejected with it; {ends}."


def _of_error(code: Code) -> Trace:
    if code.slug.startswith("subscription_"):
        return Trace((_TOKENS, _ERRORS), ("token_refused", "command_refused"))
    if code.slug in _BY_API_ALONE:
        return _FAILED_CALL
    if code.runbook in _OF_CONNECTS:
        return Trace((_ERRORS, _API), ("command_refused", "connection_refused", "api_call_failed"), (_ATTEMPTS,))
    return Trace((_ERRORS, _API), ("command_refused", "api_call_failed"))
