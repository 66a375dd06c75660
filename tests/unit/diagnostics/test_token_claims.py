"""Tests of holdfast.diagnostics.token_claims."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from holdfast.auth.peek import Peeked, peek
from holdfast.auth.verifier import Rules
from holdfast.diagnostics.token_claims import claim_mistakes, shape_mistakes
from tests.unit.diagnostics.made_tokens import NOW, make

RULES = Rules(audience="gw", issuer="https://login.example")


def mistakes(**claims: Any) -> list[str]:
    """Return the checks for claims."""
    return [one.check for one in claim_mistakes(Peeked({}, claims), RULES, NOW)]


def shape(token: str) -> list[str]:
    """Return the checks for a token's form."""
    return [one.check for one in shape_mistakes(token, peek(token, 8192))]


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        ({"exp": NOW * 1000}, "mistake_milliseconds"),
        ({"iat": NOW * 1000}, "mistake_milliseconds"),
        ({"exp": 3600}, "mistake_duration"),
        ({"exp": str(NOW)}, "mistake_moment_text"),
        ({"nbf": NOW + 600}, "mistake_clock"),
        ({"iat": NOW + 600}, "mistake_clock"),
        ({"exp": NOW, "iat": NOW}, "mistake_lifetime"),
        ({"iss": "https://login.example/"}, "mistake_iss_slash"),
        ({"iss": "HTTPS://login.example"}, "mistake_iss_case"),
        ({"iss": "http://login.example"}, "mistake_iss_scheme"),
        ({"aud": "GW"}, "mistake_aud_case"),
        ({"aud": ["other", "gw/"]}, "mistake_aud_slash"),
        ({"sub": 42}, "mistake_sub_number"),
        ({"user_id": "42"}, "mistake_sub_name"),
    ],
)
def test_claims_show_the_mistake(claims: dict[str, Any], check: str) -> None:
    """Each of the usual mistakes has a name."""
    assert check in mistakes(**({"sub": "42"} if "user_id" not in claims else {}) | claims)


def test_good_claims_show_none() -> None:
    """What is right is left alone, whatever else differs."""
    good = {"sub": "42", "exp": NOW + 60, "iat": NOW, "iss": "https://login.example", "aud": ["gw", "GW"]}

    assert mistakes(**good) == []
    assert mistakes(sub="42", iss="elsewhere", aud=["x"]) == []


@pytest.mark.parametrize("value", [None, True, [], {}, -1, 1e300, float("nan")])
def test_claims_of_any_type_are_borne(value: Any) -> None:
    """Nothing raises."""
    for name in ("exp", "iat", "nbf", "iss", "aud", "sub"):
        mistakes(**{name: value})


@pytest.mark.parametrize(
    ("token", "check"),
    [
        (make()[:-10], "mistake_truncated"),
        (make().rpartition(".")[0], "mistake_truncated"),
        (make().split(".")[0], "mistake_truncated"),
        (make().rpartition(".")[0] + ".", "mistake_unsigned"),
        (make() + "AAAA", "mistake_signature_length"),
        ("eyJhbGciOiJSUzI1NiJ9.e30.QUJD", "mistake_truncated"),
        (make()[:20] + "...", "mistake_shortened"),
        (make()[:20] + "\u2026" + make()[-5:], "mistake_shortened"),
        ("a.b.c.d.e", "mistake_encrypted"),
        ("xx.e30.QUJD", "mistake_header"),
    ],
)
def test_shape_shows_the_mistake(token: str, check: str) -> None:
    """What was cut off, left unsigned or encrypted is told from the text."""
    assert check in shape(token)


def test_shape_finds_alg_none() -> None:
    """In every spelling."""
    for name in ("none", "None", "NONE"):
        header = base64.urlsafe_b64encode(json.dumps({"alg": name}).encode()).rstrip(b"=").decode()
        assert shape(f"{header}.e30.") == ["mistake_alg_none"]


def test_shape_of_a_good_token_shows_none() -> None:
    """No mistake is invented."""
    assert shape(make()) == []
