"""Explains one token in full, for `holdfast token check`: its shape, key, each claim, and the verdict as a slug.

A report is data; nothing raises, and it has no part of the token as it was sent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, NamedTuple

from holdfast.auth.claims import LATEST_MOMENT, AnyClaims, ConnectionClaims, SubscriptionClaims
from holdfast.auth.keys import VerificationKey
from holdfast.auth.locate import empty_form
from holdfast.auth.outcomes import is_verified
from holdfast.auth.peek import SHOWN_CLAIMS, Peeked, bounded, peek
from holdfast.auth.revocation import RevocationList
from holdfast.auth.verifier import Rules, TokenVerifier, check_now
from holdfast.errors import TokenError

Kind = Literal["connection", "subscription"]
Verdict = Literal["ok", "fault", "ignored"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One claim: its value, bounded, and what is to be said of it."""

    name: str
    value: object
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True, slots=True)
class TokenReport:
    """`slug` is "ok" or the cause for which the gateway would refuse the token now; `detail` says more."""

    kind: Kind
    slug: str
    detail: str
    characters: int
    parts: int
    header: dict[str, object]
    key: str
    claims: tuple[Finding, ...]

    @property
    def is_valid(self) -> bool:
        """Whether the gateway would take the token."""
        return self.slug == "ok"


class Checks(NamedTuple):
    """What a gateway holds tokens against."""

    connection: TokenVerifier[ConnectionClaims]
    subscription: TokenVerifier[SubscriptionClaims]
    revocations: RevocationList


def describe_token(token: str, checks: Checks, now: float, kind: Kind | None = None) -> TokenReport:
    """Check a token as the gateway would; `kind` None goes by whether it names a channel."""
    said = peek(token, checks.connection.rules.max_bytes)
    if kind is None:
        kind = "subscription" if said.claims.get("channel") else "connection"
    if kind == "subscription":
        slug, detail, key = _judge(token, checks.subscription, checks.revocations, now)
        slug = slug if slug == "ok" else f"subscription_{slug}"
    else:
        slug, detail, key = _judge(token, checks.connection, checks.revocations, now)
    rules = (checks.subscription if kind == "subscription" else checks.connection).rules
    return TokenReport(
        kind=kind,
        slug=slug,
        detail=detail,
        characters=len(token),
        parts=token.count(".") + 1 if token else 0,
        header={str(bounded(name[:32])): bounded(value) for name, value in list(said.header.items())[:16]},
        key=_key_note(key, slug),
        claims=tuple(_findings(said, rules, now)),
    )


def _judge(
    token: str, verifier: TokenVerifier[AnyClaims], revocations: RevocationList, now: float
) -> tuple[str, str, VerificationKey | None]:
    key: VerificationKey | None = None
    try:
        form = empty_form(token)
        if form is not None:
            raise TokenError("token_empty", f"the token is {form}")
        verified = verifier.verify(token, now)
        if verified is None:
            raise verifier.unknown_key(token)
        key = verified.key
        check_now(verified.claims, revocations, verifier.rules.leeway, now)
    except TokenError as error:
        return error.slug, error.detail, key
    return "ok", "", key


def _key_note(key: VerificationKey | None, slug: str) -> str:
    if key is not None:
        name = f"id {key.kid!r}" if key.kid else "no id"
        return f"{key.origin} key, {name}, for {', '.join(key.verifiers)}; the signature is right"
    if is_verified(slug):
        return "the signature is right"
    wrong = slug.endswith("wrong_signature")
    return "a key was found, and the signature is not its" if wrong else "no key has confirmed the signature"


def _findings(said: Peeked, rules: Rules, now: float) -> list[Finding]:
    findings = [_finding(name, said, rules, now) for name in SHOWN_CLAIMS if name in said.claims]
    absent = [("iss", rules.issuer), ("aud", rules.audience)]
    findings += [
        Finding(name, None, "fault", f"absent; expected {expected!r}")
        for name, expected in absent
        if expected and name not in said.claims
    ]
    others = [name for name in said.claims if name not in SHOWN_CLAIMS]
    findings += [_other(name, said.claims[name]) for name in others[:32]]
    return findings


def _finding(name: str, said: Peeked, rules: Rules, now: float) -> Finding:
    raw, value = said.claims[name], bounded(said.claims[name])
    if name in {"exp", "nbf", "iat", "expire_at"}:
        return _moment(name, said.number(name), value, rules.leeway, now)
    if name == "iss":
        fits = not rules.issuer or raw == rules.issuer
        return Finding(name, value, "ok" if fits else "fault", "" if fits else f"expected {rules.issuer!r}")
    if name == "aud":
        fits = not rules.audience or raw == rules.audience or (isinstance(raw, list) and rules.audience in raw)
        return Finding(name, value, "ok" if fits else "fault", "" if fits else f"expected {rules.audience!r}")
    if not isinstance(raw, str):
        return Finding(name, value, "fault", "expected a text")
    return Finding(name, value, "ok", "the anonymous user" if name == "sub" and not raw else "")


def _moment(name: str, moment: float | None, value: object, leeway: float, now: float) -> Finding:
    if moment is None or moment < 0:
        return Finding(name, value, "fault", "expected Unix seconds")
    if name == "expire_at" and not moment:
        return Finding(name, value, "ok", "never")
    ahead = moment - now
    distance = f"{abs(ahead):.0f} s {'ahead' if ahead > 0 else 'ago'}"
    if moment > LATEST_MOMENT:
        return Finding(name, value, "fault", "beyond the year 9999; is it in milliseconds?")
    note = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(moment))}, {distance}"
    is_fault = ahead + leeway <= 0 if name == "exp" else name in {"nbf", "iat"} and ahead > leeway
    return Finding(name, value, "fault" if is_fault else "ok", note)


_USED = {"info", "b64info", "meta", "channels", "subs", "override", "data", "b64data", "client"}


def _other(name: str, value: object) -> Finding:
    """Name further claims without their values: `info` and `meta` may be private."""
    if name in _USED:
        return Finding(name, type(value).__name__, "ok", "value not shown")
    return Finding(name[:64], type(value).__name__, "ignored", "not a claim of the gateway")
