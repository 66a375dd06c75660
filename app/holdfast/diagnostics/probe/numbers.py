"""Which cause a number and a text of the Centrifuge protocol mean: ours by slug, those of other servers by number.

Never more than the number says: where several causes share it, the cause is the one that all of them have in common.
"""

from __future__ import annotations

from typing import Final, Literal

from holdfast.codes import CODES, Code
from holdfast.codes_stages import Stage
from holdfast.diagnostics.probe.verdict import Verdict, verdict
from holdfast.telemetry.redaction import redact_text

Phase = Literal["connect", "subscribe", "message", "idle"]

# https://centrifugal.dev/docs/server/codes; numbers that stand for one cause alone.
_ERRORS: Final = {
    100: "internal_error",
    101: "unauthorized",
    102: "unknown_channel",
    103: "permission_denied",
    104: "method_not_found",
    105: "already_subscribed",
    106: "channel_limit",
    107: "bad_request",
    108: "not_available",
    111: "too_many_requests",
    112: "unrecoverable_position",
    113: "conflict",
}
_CLOSES: Final = {
    3000: "connection_closed",
    3001: "shutdown",
    3004: "server_error",
    3005: "connection_expired",
    3006: "subscription_expired",
    3008: "slow_consumer",
    3009: "write_error",
    3010: "insufficient_state",
    3011: "force_reconnect",
    3012: "no_pong",
    3013: "command_rate_limit",
    3014: "state_invalidated",
    3500: "token_refused",
    3502: "handshake_timeout",  # Centrifugo's "stale": no connect came in time
    3503: "force_disconnect",
    3504: "connection_limit",
    3505: "channel_limit_close",
    3506: "inappropriate_protocol",
    3507: "permission_denied_close",
    3508: "not_available_close",
    3509: "too_many_errors",
    1007: "invalid_utf8",
    1009: "message_too_big",
}
_TOKEN_EXPIRED: Final = 109
_LONGEST_TEXT: Final = 120


def error_verdict(number: int, message: str, phase: Phase) -> Verdict:
    """Return what an error reply means."""
    if code := _own(number, message, {"error"}):
        return verdict(code.slug, _said("error", number, message), stage=_stage(code, phase))
    said = _said("error", number, message)
    if number == _TOKEN_EXPIRED:
        slug = "subscription_token_expired" if phase == "subscribe" else "token_expired"
        return verdict(slug, said)
    if number in _ERRORS:
        return verdict(_ERRORS[number], said, stage=phase)
    if 400 <= number < 1900:
        return verdict("application_error", said, stage=phase)
    return verdict("subscribe_refused" if phase == "subscribe" else "connect_refused", said, stage=phase)


def close_verdict(number: int, reason: str, phase: Phase) -> Verdict:
    """Return what a close frame, or a disconnect push, means."""
    said = _said("close", number, reason)
    if code := _own(number, reason, {"close"}):
        return verdict(code.slug, said, stage=_stage(code, phase))
    if number in _CLOSES:
        slug = _CLOSES[number]
        return verdict(slug, said, stage="token" if slug == "token_refused" else phase)
    if 4000 <= number < 5000:
        return verdict("application", said, stage=phase)
    slug = "connect_refused" if phase == "connect" and number >= 3000 else "closed_by_server"
    return verdict(slug, said, stage=phase)


def _own(number: int, text: str, kinds: set[str]) -> Code | None:
    """Return the row of a slug that a gateway of ours said, if the number is its own too."""
    code = CODES.get(text)
    return code if code is not None and code.number == number and code.kind in kinds else None


def _stage(code: Code, phase: Phase) -> Stage:
    """Return where a cause of ours shows: a token's in its own stage, everything else where it came."""
    if phase == "connect" and code.slug.startswith(("token_", "user_revoked")):
        return "token"
    return phase


def _said(kind: str, number: int, text: str) -> str:
    shown = redact_text("".join(c if c.isprintable() else "?" for c in text[:_LONGEST_TEXT]))
    return f"The server sent {kind} {number}" + (f" {shown!r}." if shown else ", without a reason.")
