"""What is counted and logged of handshakes and API calls."""

from __future__ import annotations

from starlette.types import Scope

from holdfast.connections.transport import Handshake
from holdfast.errors import GatewayError
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

_log = get_logger(__name__)

# Looked up once: handshakes come in storms.
_admitted = {name: metrics.HANDSHAKES.labels(name, "ok") for name in ("websocket", "http_stream", "sse", "poll")}
_emulated = metrics.EMULATIONS.labels("ok")


def observe_handshake(handshake: Handshake, refusal: GatewayError | None) -> None:
    """Count a handshake by its outcome, and log a refused one."""
    if refusal is None:
        _admitted[handshake.transport].inc()
        return
    metrics.HANDSHAKES.labels(handshake.transport, refusal.slug).inc()
    # While an instance drains, every client it sent away may knock once more; the metric counts them.
    write = _log.debug if refusal.slug == "draining" else _log.info
    write(
        "handshake_refused",
        slug=refusal.slug,
        detail=refusal.detail,
        transport=handshake.transport,
        path=handshake.path,
        address=handshake.client,
        attempt=handshake.attempt_id,
    )


def observe_refused_path(scope: Scope, refusal: GatewayError, address: str, attempt: str) -> None:
    """Count a request that no endpoint was there for; scanners make many, so only handshakes are worth a line."""
    facts = {"slug": refusal.slug, "detail": refusal.detail, "path": scope["path"][:200]}
    facts |= {"address": address, "attempt": attempt}
    if scope["type"] == "websocket":
        metrics.HANDSHAKES.labels("websocket", refusal.slug).inc()
        _log.info("handshake_refused", transport="websocket", **facts)
    else:
        metrics.HTTP_REFUSALS.labels(refusal.slug).inc()
        _log.debug("request_refused", **facts)


def observe_bad_request(refusal: GatewayError, path: str, address: str, attempt: str) -> None:
    """Count and log what came to a port and is no request that any endpoint could get."""
    metrics.HTTP_REFUSALS.labels(refusal.slug).inc()
    facts = {"slug": refusal.slug, "detail": refusal.detail, "path": path[:200]}
    _log.info("request_refused", **facts, address=address, attempt=attempt)


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


def observe_poll_refusal(address: str, refusal: GatewayError) -> None:
    """Log a refused poll; sessions are secret and no part of it."""
    _log_lost_or_bad("poll_refused", address, refusal)


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
    write = _log.debug if refusal.slug == "unknown_session" else _log.info
    write(event, slug=refusal.slug, detail=refusal.detail, address=address)
