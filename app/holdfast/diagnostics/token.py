"""TokenDiagnosticService: where a client's token was found or lost, what is wrong with it, and what it opens.

It judges by the parts that the gateway itself judges by: `auth.locate` finds the token, the validator explains it.
What comes in is anybody's text; what goes out is bounded and has no token, no part of one and no secret.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, NamedTuple

from holdfast.auth.locate import FoundToken, empty_form
from holdfast.auth.peek import SHOWN_CLAIMS, Peeked, peek
from holdfast.auth.report import Kind, TokenReport
from holdfast.auth.validator import ImprovedTokenValidator
from holdfast.auth.verifier import Rules
from holdfast.codes import CODES, Code
from holdfast.diagnostics.findings import Diagnosis, Finding, Severity
from holdfast.diagnostics.token_claims import claim_mistakes, shape_mistakes
from holdfast.diagnostics.token_generation import check_generation, key_set_finding
from holdfast.diagnostics.token_grants import connection_grants, subscription_grants
from holdfast.diagnostics.token_places import MAX_INPUT_CHARACTERS, Presented, Reading, locate, look
from holdfast.diagnostics.token_repairs import Damage, repair
from holdfast.diagnostics.token_signer import signer_of
from holdfast.settings import Settings

SERVICE = "token"
_CLIENT_DOES = {
    "retry": "comes back by itself",
    "fetch_token": "asks its getToken for a fresh token and comes back",
    "stop": "stops for good",
}
_NUMBER_IN = {"close": "close", "error": "error reply", "http": "HTTP answer"}


class Examined(NamedTuple):
    """One token as the gateway sees it, and the mistakes that explain why."""

    report: TokenReport
    mistakes: tuple[Damage, ...]


class TokenDiagnosticService:
    """Explains tokens and checks that they can be made.

    Args:
        settings: those of the gateway in question.
        validator: its validator; in a running gateway the live one, with its revocations and fetched keys.
        clock: Unix seconds.
    """

    def __init__(
        self, settings: Settings, validator: ImprovedTokenValidator, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._validator = validator
        self._clock = clock

    # Public methods.

    async def run(self, given: Presented | None = None, kind: Kind | None = None) -> Diagnosis:
        """Diagnose what a client presents; without it, whether this gateway's keys make and check tokens."""
        if given is None:
            findings = check_generation(self._settings, self._validator, self._clock())
            return Diagnosis(SERVICE, tuple(findings), {"keys_checked": True, "now": round(self._clock(), 3)})
        reading = self._reading()
        found = locate(given, reading)
        findings = look(given, reading)
        if (answer := self._without_token(found)) is not None:
            return Diagnosis(SERVICE, (*findings, answer), self._facts(found, answer.check))
        await self._learn_key(found.token, kind)
        return self._explain(found, kind, findings)

    def examine(self, token: str, kind: Kind | None = None) -> Examined:
        """Explain a token and find the mistakes in it; nothing is fetched, logged or raised."""
        token = token[:MAX_INPUT_CHARACTERS]
        report = self._validator.describe(token, kind=kind)
        mistakes = self._mistakes(token, report, kind)
        slug = report.slug
        if slug == "ok" and report.kind == "connection" and self._refuses_anonymous(token):
            detail = "`sub` is empty and `client.disallow_anonymous_connection_tokens` is on"
            report = replace(report, slug="token_anonymous", detail=detail)
        return Examined(report, mistakes)

    # Private methods: the answer.

    def _without_token(self, found: FoundToken) -> Finding | None:
        """Return the verdict on a client that has no token, None for one that has."""
        client, form = self._settings.client, empty_form(found.token)
        if found.source != "none" and form is None:
            return None
        if not found.token and client.proxy.connect.enabled:
            return Finding("connect_proxy", "ok", "no token: the backend is asked", "client.proxy.connect is on")
        if not found.token and client.allow_anonymous:
            return Finding(
                "anonymous", "ok", "no token: the client is the anonymous user", "client.allow_anonymous is on"
            )
        if found.source == "none":
            return _verdict(CODES["token_missing"], "no token in any place that is read")
        return _verdict(CODES["token_empty"], f"the token is {form}")

    def _explain(self, found: FoundToken, kind: Kind | None, findings: list[Finding]) -> Diagnosis:
        report, mistakes = self.examine(found.token, kind)
        said = self._peek(found.token)
        verdict = self._judge(report)
        known = ", ".join(dict.fromkeys(one.check for one in mistakes if one.remedy))
        if known and verdict.severity == "critical":
            # What is known to have happened is the cure, and not what mostly is.
            verdict = replace(verdict, remedy=f"See {known}.")
        findings += [verdict, *self._about_keys(report), *_structure(report), *_claims(report)]
        damage: Severity = "warning" if report.is_valid else "critical"
        findings += [Finding(one.check, damage, one.what, "", one.remedy) for one in mistakes]
        facts = self._facts(found, report.slug) | _facts(report)
        if report.slug.removeprefix("subscription_") not in _CONTENTS_UNKNOWN:
            grants = (
                connection_grants(said.claims, _user(said), self._settings)
                if report.kind == "connection"
                else subscription_grants(said.claims, self._settings)
            )
            findings += grants.findings
            facts["grants"] = dict(grants.facts)
        return Diagnosis(SERVICE, tuple(findings), facts)

    def _judge(self, report: TokenReport) -> Finding:
        if report.is_valid:
            return Finding("accepted", "ok", f"a valid {report.kind} token: the gateway takes it", report.key)
        if report.slug.endswith("token_unknown_key") and (reason := self._keys_are_missing()):
            return Finding(report.slug, "unknown", "The token's key could not be fetched.", reason, "See key_set.")
        return _verdict(CODES[report.slug], report.detail)

    def _about_keys(self, report: TokenReport) -> Iterable[Finding]:
        if report.is_valid or report.slug.endswith(("token_unknown_key", "token_wrong_signature", "token_algorithm")):
            for status in self._validator.key_sets():
                yield key_set_finding(status)

    def _keys_are_missing(self) -> str:
        return next((one.last_error for one in self._validator.key_sets() if one.last_error and not one.keys), "")

    def _mistakes(self, token: str, report: TokenReport, kind: Kind | None) -> tuple[Damage, ...]:
        if report.slug.endswith("token_empty"):
            return ()
        repaired, found = repair(token)
        slug = report.slug if repaired == token else self._validator.describe(repaired, kind=kind).slug
        if slug != "ok":
            said = self._peek(repaired)
            found += tuple(shape_mistakes(repaired, said))
            found += tuple(claim_mistakes(said, self._rules(report.kind), self._clock()))
            found += self._signer(repaired, slug)
        if repaired != token:
            what = "without that the gateway takes it" if slug == "ok" else f"without that it is still refused: {slug}"
            found += (Damage("repaired", what, "" if slug == "ok" else f"See `holdfast codes {slug}`."),)
        return tuple({(one.check, one.what): one for one in found}.values())

    def _signer(self, token: str, slug: str) -> tuple[Damage, ...]:
        if not slug.endswith(("_wrong_signature", "_algorithm", "_unknown_key", "_malformed", "_not_base64")):
            return ()
        signer = signer_of(token, self._settings)
        if not signer:
            return ()
        fix = "Give the issuer the secret exactly as the gateway has it, and sign with an algorithm of hmac_algorithms."
        if "PEM" in signer:
            fix = (
                "Sign with the private key (RS256, ES256, EdDSA): whoever has the public key can make such tokens, "
                "so the gateway never takes them."
            )
        return (Damage("mistake_signed_with", f"it is signed with {signer}", fix),)

    # Private methods: what it rests on.

    def _reading(self) -> Reading:
        connect = self._settings.client.proxy.connect
        is_owned = connect.enabled and any(name.lower() == "authorization" for name in connect.http_headers)
        return Reading(
            self._settings.token.cookie, "authorization" if is_owned else "", self._settings.http.max_url_bytes
        )

    def _rules(self, kind: Kind) -> Rules:
        token = self._settings.token
        own = token.subscription if kind == "subscription" and token.subscription is not None else token
        return Rules(own.audience, own.issuer, own.leeway, token.max_bytes)

    def _peek(self, token: str) -> Peeked:
        return peek(token, self._settings.token.max_bytes)

    def _refuses_anonymous(self, token: str) -> bool:
        return self._settings.client.disallow_anonymous_connection_tokens and not _user(self._peek(token))

    async def _learn_key(self, token: str, kind: Kind | None) -> None:
        """Fetch key sets for a key id that nobody knows, as the token's use would."""
        if self._validator.describe(token, kind=kind).slug.endswith("token_unknown_key"):
            await self._validator.refresh_for_unknown_key()

    def _facts(self, found: FoundToken, answer: str) -> dict[str, Any]:
        code = CODES.get(answer)
        gateway = (
            {"slug": answer}
            if code is None
            else {
                "slug": answer,
                "number": code.number,
                "kind": code.kind,
                "client": code.action,
                "http_status": code.http_status,
            }
        )
        return {"source": found.source, "answer": gateway, "now": round(self._clock(), 3)}


# Refused for these, a token has no contents that could be read.
_CONTENTS_UNKNOWN = frozenset({"token_malformed", "token_not_base64", "token_empty", "token_missing"})


def _verdict(code: Code, detail: str) -> Finding:
    number = f"{_NUMBER_IN.get(code.kind, code.kind)} {code.number}"
    evidence = f"{number}; the client {_CLIENT_DOES[code.action]}" + (f"; {detail}" if detail else "")
    return Finding(code.slug, "critical", code.meaning, evidence, code.remedy)


def _structure(report: TokenReport) -> Iterable[Finding]:
    is_whole = report.parts == 3 and bool(report.header)
    size = f"{report.characters} characters in {report.parts} part(s)"
    yield Finding("structure", "ok" if is_whole else "critical", size, "a JWT has three parts" if not is_whole else "")
    if report.header:
        header = ", ".join(f"{name[:32]}={value!r}" for name, value in report.header.items())
        yield Finding("header", "ok", header, report.key)


def _claims(report: TokenReport) -> Iterable[Finding]:
    for claim in report.claims:
        is_fault = claim.verdict == "fault"
        value = "" if claim.value is None else f"{claim.value!r}"
        severity: Severity = ("warning" if report.is_valid else "critical") if is_fault else "ok"
        note = claim.note or ("" if is_fault else "as expected")
        if claim.name in SHOWN_CLAIMS:
            yield Finding(f"claim_{claim.name}", severity, note, value)
        else:
            yield Finding("claim_other", severity, f"{claim.name!r}: {note}", value)


def _facts(report: TokenReport) -> dict[str, Any]:
    claims = {one.name: {"value": one.value, "verdict": one.verdict, "note": one.note} for one in report.claims}
    return {"token": report.kind, "characters": report.characters, "parts": report.parts, "header": report.header,
            "claims": claims}  # fmt: skip


def _user(said: Peeked) -> str:
    user = said.claims.get("sub", "")
    return user if isinstance(user, str) else ""
