from __future__ import annotations

from collections.abc import Callable

import pytest

from holdfast.auth.claims import decode_connection, decode_subscription
from holdfast.auth.keys import KeyRing, hmac_key
from holdfast.auth.report import Checks, TokenReport, describe_token
from holdfast.auth.revocation import RevocationList
from holdfast.auth.verifier import Rules, TokenVerifier

Maker = Callable[..., str]


@pytest.fixture
def describe(secret: str, now: int) -> Callable[..., TokenReport]:
    """Explain tokens against fixed rules, keys and revocations."""
    ring = KeyRing([hmac_key(secret.encode(), ["HS256"])])
    rules = Rules(audience="gw", issuer="app")
    revoked = RevocationList()
    revoked.revoke_token("revoked", now=now)
    revoked.revoke_user("banned", issued_until=now, now=now)
    checks = Checks(
        TokenVerifier(rules, ring, decode_connection), TokenVerifier(rules, ring, decode_subscription), revoked
    )
    return lambda token, kind=None: describe_token(token, checks, now, kind)


def verdicts(report: TokenReport) -> dict[str, str]:
    """Return the verdict of each claim."""
    return {finding.name: finding.verdict for finding in report.claims}


def test_report_of_a_good_token(describe: Callable[..., TokenReport], make_token: Maker, now: int) -> None:
    """Shape, header, key and each claim are explained, and the verdict is ok."""
    token = make_token(
        {"sub": "", "exp": now + 60, "iat": now, "iss": "app", "aud": ["gw"], "info": {"a": 1}, "x": 1, "expire_at": 0},
        kid="k",
    )
    report = describe(token)

    assert report.is_valid
    assert (report.kind, report.slug, report.parts, report.characters) == ("connection", "ok", 3, len(token))
    assert report.header == {"alg": "HS256", "typ": "JWT", "kid": "k"}
    assert "signature is right" in report.key
    assert verdicts(report) == dict.fromkeys(("sub", "exp", "iat", "iss", "aud", "info", "expire_at"), "ok") | {
        "x": "ignored"
    }
    notes = {finding.name: finding.note for finding in report.claims}
    assert notes["exp"] == "2023-11-14T22:14:20Z, 60 s ahead"
    assert (notes["sub"], notes["expire_at"]) == ("the anonymous user", "never")


def test_report_hides_private_values(describe: Callable[..., TokenReport], make_token: Maker) -> None:
    """The contents of `info`, `meta` and unknown claims are not shown, nor any part of the token."""
    token = make_token({"sub": "1", "info": "private", "meta": "private", "mine": "private"})
    text = repr(describe(token))

    assert "'private'" not in text
    assert not any(part in text for part in token.split("."))


@pytest.mark.parametrize(
    ("claims", "slug", "faulty"),
    [
        ({"exp": -100}, "token_expired", {"exp"}),
        ({"nbf": 100}, "token_not_yet_valid", {"nbf"}),
        ({"iat": 100}, "token_not_yet_valid", {"iat"}),
        ({"iss": "other"}, "token_issuer", {"iss"}),
        ({"aud": "other"}, "token_audience", {"aud"}),
        ({"sub": 7}, "token_claims", {"sub"}),
        ({"exp": 10**14}, "token_claims", {"exp"}),
        ({"jti": "revoked"}, "token_revoked", set()),
        ({"sub": "banned"}, "user_revoked", set()),
    ],
)
def test_report_marks_the_claim_at_fault(
    describe: Callable[..., TokenReport],
    make_token: Maker,
    now: int,
    claims: dict[str, object],
    slug: str,
    faulty: set[str],
) -> None:
    """The verdict is the slug the gateway would give, and the claim that causes it is marked."""
    moments = {name: now + value for name, value in claims.items() if isinstance(value, int) and name != "sub"}
    report = describe(make_token({"sub": "1", "iss": "app", "aud": "gw", **claims, **moments}))

    assert report.slug == slug
    assert "the signature is right" in report.key
    assert {name for name, verdict in verdicts(report).items() if verdict == "fault"} == faulty


def test_report_names_absent_claims(describe: Callable[..., TokenReport], make_token: Maker) -> None:
    """A claim that the rules ask for and the token has not is a finding of its own."""
    report = describe(make_token({"sub": "1"}))

    assert report.slug == "token_issuer"
    assert {finding.name: finding.note for finding in report.claims}["aud"] == "absent; expected 'gw'"


def test_report_of_a_subscription_token(describe: Callable[..., TokenReport], make_token: Maker) -> None:
    """A channel makes it a subscription token; as the other kind it is explained as such."""
    token = make_token({"sub": "1", "channel": "c", "iss": "app", "aud": "gw"})

    assert (describe(token).kind, describe(token).slug) == ("subscription", "ok")
    assert describe(token, "connection").slug == "token_claims"
    other = make_token({"sub": "1", "iss": "app", "aud": "gw"})
    assert describe(other, "subscription").slug == "subscription_token_claims"


@pytest.mark.parametrize(
    ("token", "slug", "parts"),
    [
        ("", "token_empty", 0),
        ("undefined", "token_empty", 1),
        ("rubbish", "token_malformed", 1),
        ("a.b.c", "token_not_base64", 3),
        ("AA.AA.AA", "token_malformed", 3),
    ],
)
def test_report_of_what_is_no_token(describe: Callable[..., TokenReport], token: str, slug: str, parts: int) -> None:
    """Anything gets a report; nothing raises."""
    report = describe(token)

    assert (report.slug, report.parts, report.claims[0].name) == (slug, parts, "iss")
    assert "no key" in report.key


def test_report_tells_a_wrong_signature_from_no_key(describe: Callable[..., TokenReport], make_token: Maker) -> None:
    """The claims are explained even though they are not proven."""
    report = describe(make_token({"sub": "1", "exp": 5}, key="x" * 32))

    assert report.slug == "token_wrong_signature"
    assert "not its" in report.key
    assert verdicts(report)["exp"] == "fault"


def test_report_of_an_unknown_key(secret: str, make_token: Maker, now: int) -> None:
    """A token of a key that nobody has is told from one with a wrong signature."""
    ring = KeyRing([hmac_key(secret.encode(), ["HS256"], kid="k1")])
    checks = Checks(
        TokenVerifier(Rules(), ring, decode_connection),
        TokenVerifier(Rules(), ring, decode_subscription),
        RevocationList(),
    )
    report = describe_token(make_token({"sub": "1"}, kid="k2"), checks, now)

    assert (report.slug, report.key) == ("token_unknown_key", "no key has confirmed the signature")
    assert "'k2'" in report.detail


def test_report_of_strange_moments(describe: Callable[..., TokenReport], make_token: Maker) -> None:
    """Moments of any type and size are answered."""
    report = describe(make_token({"sub": "1", "expire_at": "never", "exp": 1e300}))

    assert verdicts(report)["expire_at"] == "fault"
    assert verdicts(report)["exp"] == "fault"
