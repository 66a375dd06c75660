"""Tells log and metrics how a validation ended: one line and one count for each, under the same slug.

Refusals are log lines of level `warning` where no fresh token helps, else `info`; accepted tokens are `debug`, since
a line for each would cost more than the check itself.
"""

from __future__ import annotations

from typing import Literal

from holdfast.auth.claims import TokenClaims
from holdfast.auth.jwt import Header
from holdfast.auth.locate import FoundToken, empty_form
from holdfast.auth.peek import Peeked, peek
from holdfast.errors import TokenError
from holdfast.telemetry import metrics
from holdfast.telemetry.logs import get_logger

Kind = Literal["connection", "subscription"]

_LOG = get_logger("auth.token")
_ACCEPTED = metrics.TOKEN_VALIDATIONS.labels("ok")
_HIT, _MISS = metrics.TOKEN_CACHE.labels("hit"), metrics.TOKEN_CACHE.labels("miss")
# Refused for these, a token had a right signature, and so its claims are true.
_AFTER_SIGNATURE = (
    "token_claims",
    "token_audience",
    "token_issuer",
    "token_expired",
    "token_not_yet_valid",
    "token_revoked",
    "user_revoked",
    "token_wrong_channel",
    "token_wrong_user",
    "token_wrong_client",
)


def looked_up(*, is_hit: bool) -> None:
    """Count whether a token was remembered."""
    (_HIT if is_hit else _MISS).inc()


def accepted(kind: Kind, found: FoundToken, claims: TokenClaims, now: float, header: Header | None) -> None:
    """Report a token that opens the door; `header` is None where it was remembered."""
    _ACCEPTED.inc()
    _LOG.debug(
        "token_accepted",
        slug="ok",
        kind=kind,
        source=found.source,
        kid=header.kid if header else None,
        alg=header.alg if header else None,
        is_remembered=header is None,
        sub=claims.user,
        exp=claims.expires_at,
        iat=claims.issued_at,
        iss=claims.issuer,
        aud=claims.audience,
        jti=claims.jti,
        clock_difference_seconds=round(now - claims.issued_at, 3) if claims.issued_at else None,
    )


def refused(kind: Kind, found: FoundToken, error: TokenError, now: float, max_bytes: int) -> None:
    """Report a token that does not, with what it says of itself; `is_verified` tells whether that is true."""
    metrics.TOKEN_VALIDATIONS.labels(error.slug).inc()
    log = _LOG.warning if error.code.action == "stop" else _LOG.info
    said = peek(found.token, max_bytes)
    facts: dict[str, object] = {
        "slug": error.slug,
        "kind": kind,
        "source": found.source,
        "detail": error.detail,
        "alg": said.text("alg"),
        "kid": said.text("kid"),
        "is_verified": is_verified(error.slug),
        "clock_difference_seconds": _clock_difference(said, now),
        **said.shown(),
        **error.context,
    }
    if found.attempt:
        facts["attempt"] = found.attempt
    if found.source != "none" and (form := empty_form(found.token)) is not None:
        facts["form"] = form
    log("token_refused", **facts)


def is_verified(slug: str) -> bool:
    """Tell whether a token refused for this cause had a right signature, so that its claims are true."""
    return slug.removeprefix("subscription_") in _AFTER_SIGNATURE


def _clock_difference(said: Peeked, now: float) -> float | None:
    """Return how far our clock is ahead of the token's issue."""
    issued = said.number("iat")
    return None if issued is None else round(now - issued, 3)
