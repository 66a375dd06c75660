"""Tests of holdfast.diagnostics.token_generation."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from holdfast.auth.jwks import JwksStatus
from holdfast.auth.validator import ImprovedTokenValidator
from holdfast.diagnostics.findings import Finding
from holdfast.diagnostics.token_generation import check_generation, key_set_finding
from holdfast.settings import Settings
from tests.unit.diagnostics.made_tokens import NOW, PEM, SECRET, settings


def generated(loaded: Settings) -> list[Finding]:
    """Check the generation; no secret is in it."""
    with structlog.testing.capture_logs():
        validator = ImprovedTokenValidator(loaded.token, clock=lambda: NOW)
    findings = check_generation(loaded, validator, NOW)
    assert SECRET not in repr(findings)
    return findings


def test_generation_tries_each_algorithm() -> None:
    """Each HMAC algorithm of the secret signs, and what it signs is accepted."""
    findings = generated(settings(audience="gw", issuer="app"))

    assert [(one.check, one.severity) for one in findings] == [("generation", "ok")] * 3


def test_generation_tries_previous_keys_and_those_of_subscriptions() -> None:
    """Every secret by its setting's name; one whose time is over is told."""
    loaded = settings(
        hmac_algorithms=["HS256"],
        previous_keys=[
            {"secret": "p" * 40, "kid": "old"},
            {"secret": "q" * 40, "valid_until": "2001-01-01T00:00:00Z"},
        ],
        subscription={"hmac_secret": "s" * 40, "hmac_algorithms": ["HS512"], "audience": "subs"},
    )
    said = {one.summary.split(" ")[0]: one for one in generated(loaded)}

    assert said["token.previous_keys[0]"].severity == "ok"
    assert said["token.previous_keys[1]"].check == "key_over"
    assert said["token.subscription.hmac_secret"].evidence == "a subscription token"


def test_generation_says_what_can_only_verify() -> None:
    """Nobody signs with a public key."""
    findings = generated(settings(hmac_secret="", public_keys=[{"pem": PEM, "kid": "k"}, {"pem": PEM}]))

    assert [(one.check, one.severity) for one in findings] == [("verify_only", "ok")] * 2
    assert "'k'" in findings[0].evidence


@pytest.mark.parametrize(
    ("token", "check", "severity"),
    [
        ({"hmac_secret": ""}, "no_key", "critical"),
        ({"hmac_secret": "short"}, "weak_secret", "warning"),
    ],
)
def test_generation_finds_bad_keys(token: dict[str, Any], check: str, severity: str) -> None:
    """No key at all refuses everybody; a short secret can be guessed."""
    assert (check, severity) in [(one.check, one.severity) for one in generated(settings(**token))]


def test_generation_names_keys_that_became_unusable() -> None:
    """A key file may vanish after the start."""
    loaded = settings(public_keys=[{"file": "gone.pem"}])
    validator = ImprovedTokenValidator(settings().token, clock=lambda: NOW)

    assert "key_unusable" in [one.check for one in check_generation(loaded, validator, NOW)]


def test_generation_of_a_key_that_the_validator_lacks() -> None:
    """What is signed and refused is critical, with the slug."""
    validator = ImprovedTokenValidator(settings(hmac_secret="o" * 40).token, clock=lambda: NOW)
    found = check_generation(settings(hmac_algorithms=["HS256"]), validator, NOW)

    assert (found[0].severity, found[0].evidence) == ("critical", "token_wrong_signature")


@pytest.mark.parametrize(
    ("status", "severity"),
    [
        (JwksStatus("u", 2, (), 5.0, 5.0, 0, ""), "ok"),
        (JwksStatus("u", 2, ("key 1: a private key",), 5.0, 5.0, 0, ""), "warning"),
        (JwksStatus("u", 2, (), 500.0, 5.0, 3, "HTTP status 503"), "warning"),
        (JwksStatus("u", 0, (), None, 5.0, 3, "ConnectError"), "unknown"),
        (JwksStatus("u", 0, (), 5.0, 5.0, 0, ""), "critical"),
    ],
)
def test_key_set_is_judged_by_its_state(status: JwksStatus, severity: str) -> None:
    """Fine, partly usable, old, never fetched, empty: five things."""
    assert key_set_finding(status).severity == severity
