"""What is counted, logged and remembered of handshakes and API calls."""

from __future__ import annotations

import time
from functools import cache
from typing import Any, Final

from starlette.types import Scope

from holdfast.codes_stages import stage_of
from holdfast.connections.core import Clocks
from holdfast.connections.headers import headers_seen
from holdfast.connections.records import Forgetful, Recorder, RefusedAttempt
from holdfast.connections.reporting import line_of_attempt
from holdfast.connections.transport import Handshake
from holdfast.errors import BrokerError, GatewayError
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger
from holdfast.telemetry.redaction import redact_text

_log = get_logger(__name__)

# Looked up once: handshakes come in storms.
_handshakes = cache(metrics.HANDSHAKES.labels)
for _name in ("websocket", "http_stream", "sse", "poll"):
    _handshakes(_name, "ok")
_emulated = metrics.EMULATIONS.labels("ok")

_LONGEST_PATH: Final = 200
_ATTEMPTS: Final = "/connection/"
# Stages of a session; before there is one, what fails is the request.
_LATER: Final = frozenset({"message", "idle", "close"})


class _Memory:
    """Who remembers what is refused, and by which clocks; the last one given wins, as with the sources of metrics."""

    recorder: Recorder = Forgetful()
    clocks = Clocks(time.monotonic, time.time)


def remember_with(recorder: Recorder, clocks: Clocks) -> None:
    """Let a recorder know from now on who was let in and who was not."""
    _Memory.recorder, _Memory.clocks = recorder, clocks


def observe_handshake(handshake: Handshake, refusal: GatewayError | None) -> None:
    """Count a handshake by its outcome, and log and remember a refused one."""
    if refusal is None:
        _handshakes(handshake.transport, "ok").inc()
        if b"cid=" in handshake.query:  # nobody else can ask
            _Memory.recorder.admitted(handshake.attempt_id, headers_seen(handshake.headers))
        return
    _handshakes(handshake.transport, refusal.slug).inc()
    _log.info("handshake_refused", **_remembered(handshake, refusal))


def observe_refused_path(scope: Scope, refusal: GatewayError, address: str, attempt: str) -> None:
    """Count a request that no endpoint was there for; of what scanners send only attempts to connect are remembered."""
    is_websocket = scope["type"] == "websocket" or refusal.slug == "upgrade_stripped"
    kind = "websocket" if is_websocket else "http"
    handshake = Handshake(scope["path"], b"", scope["headers"], address, "", attempt, transport=kind)
    if is_websocket:
        _handshakes("websocket", refusal.slug).inc()
        _log.info("handshake_refused", **_remembered(handshake, refusal))
        return
    metrics.HTTP_REFUSALS.labels(refusal.slug).inc()
    if _may_be_attempt(handshake):
        _log.info("request_refused", **_remembered(handshake, refusal))
    else:
        _log.debug("request_refused", **_told(handshake, refusal))


def observe_bad_request(handshake: Handshake, refusal: GatewayError) -> None:
    """Count, log and remember what came to a port and is no request that any endpoint could get."""
    metrics.HTTP_REFUSALS.labels(refusal.slug).inc()
    line = _remembered if _may_be_attempt(handshake) else _told
    _log.info("request_refused", **line(handshake, refusal))


def observe_refused_admin(scope: Scope, refusal: GatewayError) -> None:
    """Count and log a refused request of an operator, or of somebody who would like to be one."""
    metrics.HTTP_REFUSALS.labels(refusal.slug).inc()
    _log.warning("admin_refused", slug=refusal.slug, detail=refusal.detail, path=scope["path"][:200])


def observe_explain(slug: str) -> None:
    """Count a question what became of an attempt, by "ok" or why it was not answered."""
    metrics.EXPLANATIONS.labels(slug).inc()


def observe_failed_command(slug: str) -> None:
    """Count a command that failed among others of its request."""
    metrics.API_ERRORS.labels(slug).inc()


def observe_poll_refusal(handshake: Handshake, refusal: GatewayError) -> None:
    """Log a refused poll, and remember it unless its session was lost; sessions are secret and no part of it."""
    if _is_lost(refusal):
        _log_lost_or_bad("poll_refused", handshake.client, refusal)
    else:
        _log.info("poll_refused", **_remembered(handshake, refusal))


def observe_emulation(address: str, refusal: GatewayError | None) -> None:
    """Count an emulation request by its outcome, and log a refused one; sessions are secret and no part of it."""
    if refusal is None:
        _emulated.inc()
        return
    metrics.EMULATIONS.labels(refusal.slug).inc()
    _log_lost_or_bad("emulation_refused", address, refusal)


def observe_api_call(method: str, slug: str, detail: str = "", seconds: float | None = None, address: str = "") -> None:
    """Count a call of the server API, and log one that failed."""
    metrics.API_COMMANDS.labels(method).inc()
    if seconds is not None:
        metrics.API_SECONDS.observe(seconds)
    if slug != "ok":
        metrics.API_ERRORS.labels(slug).inc()
        _log.info("api_call_failed", slug=slug, method=method, detail=detail, address=address)


def _log_lost_or_bad(event: str, address: str, refusal: GatewayError) -> None:
    # After a restart every client may ask for its old session once; the metrics count them.
    write = _log.debug if _is_lost(refusal) else _log.info
    write(event, slug=refusal.slug, detail=refusal.detail, address=address)


def _is_lost(refusal: GatewayError) -> bool:
    """Tell whether a session, its instance or the way there is gone, which all clients notice at once."""
    is_broker_away = isinstance(refusal, BrokerError) and refusal.slug != "internal_error"
    return refusal.slug == "unknown_session" or is_broker_away


def _may_be_attempt(handshake: Handshake) -> bool:
    """Tell whether a request may have been an attempt to connect; of one that did not get far nobody knows."""
    return handshake.transport == "websocket" or handshake.path == "" or handshake.path.startswith(_ATTEMPTS)


def _remembered(handshake: Handshake, refusal: GatewayError) -> dict[str, Any]:
    """Remember a refused attempt and return the fields of its line."""
    attempt = _attempt(handshake, refusal)
    _Memory.recorder.refused(attempt)
    return line_of_attempt(attempt)


def _told(handshake: Handshake, refusal: GatewayError) -> dict[str, Any]:
    """Return the fields of the line of a refusal that is not worth to be remembered."""
    return line_of_attempt(_attempt(handshake, refusal))


def _attempt(handshake: Handshake, refusal: GatewayError) -> RefusedAttempt:
    handshake.passed("refused", _Memory.clocks.monotonic())
    stage = stage_of(refusal.slug)
    return RefusedAttempt(
        attempt=handshake.attempt_id,
        at=_Memory.clocks.wall(),
        address=handshake.client,
        transport=handshake.transport,
        path=redact_text(handshake.path[:_LONGEST_PATH]),
        slug=refusal.slug,
        stage="upgrade" if stage in _LATER else stage,
        detail=redact_text(refusal.detail),  # may quote the request, and is told to whoever knows the attempt's id
        timings=handshake.timings,
        seen=headers_seen(handshake.headers),
    )
