from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from holdfast.auth.claims import ConnectionClaims, decode_connection
from holdfast.auth.keys import KeyRing, hmac_key
from holdfast.auth.revocation import RevocationList
from holdfast.auth.verifier import Rules, TokenVerifier, check_now, check_origin, check_times
from holdfast.errors import TokenError

Maker = Callable[..., str]


@pytest.fixture
def verifier(secret: str) -> TokenVerifier[ConnectionClaims]:
    """A verifier with rules for audience and issuer."""
    ring = KeyRing([hmac_key(secret.encode(), ["HS256"])])
    return TokenVerifier(Rules(audience="gw", issuer="app", max_bytes=2000), ring, decode_connection)


def slug_of(call: Callable[..., object], *args: Any) -> str:
    """Return the slug of a refusal, or ok."""
    try:
        call(*args)
    except TokenError as error:
        return error.slug
    return "ok"


def test_verify_returns_claims_key_and_header(
    verifier: TokenVerifier[ConnectionClaims], make_token: Maker, now: int
) -> None:
    """A good token comes back with what it says and which key confirmed it."""
    verified = verifier.verify(make_token({"sub": "42", "aud": "gw", "iss": "app"}, kid="k"), now)

    assert verified is not None
    assert verified.claims.user == "42"
    assert verified.key is verifier.ring.keys[0]
    assert (verified.header.alg, verified.header.kid) == ("HS256", "k")


def test_verify_names_each_cause(
    verifier: TokenVerifier[ConnectionClaims], make_token: Maker, forge_token: Maker, now: int
) -> None:
    """Every fault has its own slug, and the first in the order of the checks is told."""
    good = {"sub": "42", "aud": "gw", "iss": "app"}
    token = make_token(good)
    head, body, signature = token.split(".")
    swapped = signature[:-2] + ("A" if signature[-2] != "A" else "B") + signature[-1]
    cases = {
        "x.y": "token_malformed",
        "x" * 3000: "token_malformed",
        f"{head}.{body}.{signature}=": "token_not_base64",
        f"{head}.{body}+.{signature}": "token_not_base64",
        f"{head}\0.{body}.{signature}": "token_not_base64",
        f" {token}": "token_not_base64",
        f"{token}\n": "token_not_base64",
        f'"{token}"': "token_not_base64",
        f"{head}.{body}.": "token_wrong_signature",
        f"{head}.{body}.{swapped}": "token_wrong_signature",
        make_token(good, key="another secret of thirty-two bytes"): "token_wrong_signature",
        make_token(good, alg="HS512", key="s" * 64): "token_algorithm",
        f"{forge_token({'alg': 'none'}, good)}": "token_algorithm",
        f"{forge_token({'alg': 'none'}, good).rpartition('.')[0]}.": "token_algorithm",
        forge_token({"alg": "HS256", "crit": ["x"]}, good): "token_malformed",
        forge_token({"alg": "HS256"}, ["a list"]): "token_malformed",
        forge_token({"alg": "HS256"}, b"not json"): "token_malformed",
        make_token({**good, "channels": 1}): "token_claims",
        make_token({**good, "iss": "other", "aud": "other"}): "token_issuer",
        make_token({"sub": "42", "aud": "gw"}): "token_issuer",
        make_token({**good, "aud": "other"}): "token_audience",
        make_token({**good, "aud": ["x", "y"]}): "token_audience",
        make_token({**good, "aud": []}): "token_audience",
        make_token({**good, "aud": ["x", "gw"]}): "ok",
        make_token(good, typ="anything"): "ok",
    }

    assert {token: slug_of(verifier.verify, token, now) for token in cases} == cases


def test_verify_learns_headers_of_verified_tokens_only(
    verifier: TokenVerifier[ConnectionClaims], make_token: Maker, now: int
) -> None:
    """A wrong signature teaches nothing."""
    slug_of(verifier.verify, make_token({"sub": "1"}, key="x" * 32), now)
    assert len(verifier._headers) == 0

    verifier.verify(make_token({"aud": "gw", "iss": "app"}), now)
    assert len(verifier._headers) == 1


def test_unknown_key_says_what_to_look_at(make_token: Maker, now: int) -> None:
    """No key at all, no id in the token and an unknown id are three different sentences."""
    token = make_token({"sub": "1"}, kid="k9")
    for ring, text in (
        (KeyRing([]), "hmac_secret"),
        (KeyRing([], fetches=True), "could be fetched"),
        (KeyRing([hmac_key(b"x" * 32, ["HS256"], kid="k1")]), "'k9'"),
    ):
        verifier = TokenVerifier(Rules(), ring, decode_connection)
        error = verifier.unknown_key(token)
        assert error.slug == "token_unknown_key"
        assert text in error.detail
    assert "names no `kid`" in verifier.unknown_key(make_token({"sub": "1"})).detail


def test_origin_is_not_checked_unless_configured() -> None:
    """Without rules any audience and issuer pass, as with Centrifugo."""
    check_origin(ConnectionClaims("u", audience=("a",), issuer="b"), Rules())


@pytest.mark.parametrize(
    ("claims", "leeway", "slug"),
    [
        ({}, 0, "ok"),
        ({"expires_at": 1001}, 0, "ok"),
        ({"expires_at": 1000}, 0, "token_expired"),
        ({"expires_at": 1000}, 1, "ok"),
        ({"expires_at": 999}, 1, "token_expired"),
        ({"not_before": 1000}, 0, "ok"),
        ({"not_before": 1001}, 0, "token_not_yet_valid"),
        ({"not_before": 1001}, 1, "ok"),
        ({"issued_at": 1000}, 0, "ok"),
        ({"issued_at": 1001}, 0, "token_not_yet_valid"),
        ({"issued_at": 1001}, 1, "ok"),
    ],
)
def test_times_at_their_edges(claims: dict[str, int], leeway: float, slug: str) -> None:
    """At `exp` a token has ended, at `nbf` and `iat` it has begun; the leeway moves both."""
    assert slug_of(check_times, ConnectionClaims("u", **claims), leeway, 1000.0) == slug


def test_times_tell_the_clock_difference() -> None:
    """The error carries by how many seconds the clocks disagree, positive for too late."""
    with pytest.raises(TokenError) as late:
        check_times(ConnectionClaims("u", expires_at=990), 0, 1000.25)
    with pytest.raises(TokenError) as early:
        check_times(ConnectionClaims("u", not_before=1010), 0, 1000.25)

    assert late.value.context == {"clock_difference_seconds": 10.25}
    assert early.value.context == {"clock_difference_seconds": -9.75}


def test_incurable_causes_come_before_curable_ones() -> None:
    """A revoked user with an expired token must stop, not fetch tokens for ever."""
    revoked = RevocationList()
    revoked.revoke_token("j", now=1000)
    expired = ConnectionClaims("u", expires_at=900, issued_at=800, jti="j")

    assert slug_of(check_now, expired, revoked, 0, 1000.0) == "token_expired"
    assert slug_of(check_now, ConnectionClaims("u", jti="j"), revoked, 0, 1000.0) == "token_revoked"
    revoked.revoke_user("u", issued_until=1000, now=1000)
    assert slug_of(check_now, expired, revoked, 0, 1000.0) == "user_revoked"
