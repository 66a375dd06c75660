"""Can this gateway make tokens that it accepts? Signs one with each key that can sign, and checks it.

Pure but for the keys' files, which are read as at a start. Nothing it makes is kept or shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from pydantic import SecretStr

from holdfast.auth.configured import configured_keys, parse_moment
from holdfast.auth.issuer import SigningKey, registered, sign
from holdfast.auth.validator import ImprovedTokenValidator
from holdfast.diagnostics.findings import Finding
from holdfast.errors import ConfigError
from holdfast.settings import Settings, TokenRules

if TYPE_CHECKING:
    from holdfast.auth.jwks import JwksStatus

_LIFETIME_SECONDS = 60.0
_USER = "diagnosis"
_CHANNEL = "diagnosis"

Kind = Literal["connection", "subscription"]


def check_generation(settings: Settings, validator: ImprovedTokenValidator, now: float) -> list[Finding]:
    """Sign with each configured key and validate; say of the others what they can do."""
    findings = list(_of_rules("token", settings.token, "connection", validator, now))
    if settings.token.subscription is not None:
        findings += _of_rules("token.subscription", settings.token.subscription, "subscription", validator, now)
    findings += [key_set_finding(status) for status in validator.key_sets()]
    return findings


def _of_rules(
    path: str, rules: TokenRules, kind: Kind, validator: ImprovedTokenValidator, now: float
) -> Iterator[Finding]:
    try:
        keys = configured_keys(rules, path)
    except ConfigError as error:
        yield from (Finding("key_unusable", "critical", fault, "", "Correct the setting.") for fault in error.faults)
        return
    for warning in keys.warnings:
        remedy = "Make one: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
        yield Finding("weak_secret", "warning", warning, "RFC 7518, 3.2", remedy)
    for name, secret, kid, until in _secrets(path, rules):
        for algorithm in rules.hmac_algorithms:
            key = SigningKey(secret.get_secret_value().encode(), algorithm, kid)
            yield _try(name, key, rules, kind, validator, now, is_over=now >= parse_moment(until))
    for index, public in enumerate(rules.public_keys):
        known = f"key id {public.kid[:64]!r}" if public.kid else "no key id"
        yield Finding("verify_only", "ok", f"{path}.public_keys[{index}] can only verify", f"a public key, {known}")
    if not keys.keys and not rules.jwks.url:
        remedy = f"Set {path}.hmac_secret, {path}.public_keys or {path}.jwks.url."
        yield Finding("no_key", "critical", "There is no key: every token is refused.", path, remedy)


def _secrets(path: str, rules: TokenRules) -> Iterator[tuple[str, SecretStr, str, str]]:
    if rules.hmac_secret.get_secret_value():
        yield f"{path}.hmac_secret", rules.hmac_secret, "", ""
    for index, key in enumerate(rules.previous_keys):
        yield f"{path}.previous_keys[{index}]", key.secret, key.kid, key.valid_until


def _try(
    name: str,
    key: SigningKey,
    rules: TokenRules,
    kind: Kind,
    validator: ImprovedTokenValidator,
    now: float,
    *,
    is_over: bool,
) -> Finding:
    claims = registered(_USER, _LIFETIME_SECONDS, rules, now)
    token = sign(claims | ({"channel": _CHANNEL} if kind == "subscription" else {}), key)
    slug = validator.describe(token, kind=kind).slug
    if slug == "ok":
        return Finding(
            "generation", "ok", f"{name} signs {key.algorithm} and the gateway accepts it", f"a {kind} token"
        )
    if is_over and slug.endswith("token_unknown_key"):
        return Finding("key_over", "ok", f"{name} is no longer believed", "its valid_until is over; remove it")
    remedy = f"Compare the key with the rules beside it; `holdfast codes {slug}`."
    return Finding("generation", "critical", f"{name} signs {key.algorithm} and the gateway refuses it", slug, remedy)


def key_set_finding(status: JwksStatus) -> Finding:
    """Judge a fetched key set: whether it is there, how old it is and what of it cannot be used."""
    age = "never fetched" if status.fetched_age is None else f"fetched {status.fetched_age:.0f} s ago"
    evidence = f"{status.url}: {status.keys} key(s), {age}"
    if status.last_error:
        evidence += f"; last error: {status.last_error}"
    fetch = f"curl -sS {status.url}"
    if not status.keys:
        severity: Literal["critical", "unknown"] = "critical" if status.fetched_age is not None else "unknown"
        what = "The key set has no usable key." if severity == "critical" else "The key set could not be fetched."
        return Finding("key_set", severity, what, evidence, f"See what it answers from here: {fetch}")
    if status.failures_in_a_row:
        return Finding(
            "key_set", "warning", "Fetches fail; older keys are in use.", evidence, f"See what it answers: {fetch}"
        )
    if status.skipped:
        skipped = "; ".join(status.skipped[:4])
        return Finding(
            "key_set", "warning", f"Not every key can be used: {skipped}", evidence, "Correct the published set."
        )
    return Finding("key_set", "ok", "The key set can only verify; its issuer signs.", evidence)
