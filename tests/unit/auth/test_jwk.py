from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import get_default_algorithms

from holdfast.auth.jwk import MAX_KEYS, key_from_jwk, parse_key_set

ALGORITHMS = get_default_algorithms()


def jwk(private: Any, type_alg: str, /, **fields: Any) -> dict[str, Any]:
    """Publish a key as a JWK, made by PyJWT."""
    public = ALGORITHMS[type_alg].to_jwk(private.public_key(), as_dict=True)
    public.pop("key_ops", None)
    return {**public, **fields}


RSA = rsa.generate_private_key(65537, 2048)
ED = ed25519.Ed25519PrivateKey.generate()
P256 = ec.generate_private_key(ec.SECP256R1())


def test_key_set_with_every_type() -> None:
    """RSA, EC and OKP keys are taken, each pinned to one algorithm."""
    keys = [
        jwk(RSA, "RS256", kid="r"),
        jwk(RSA, "RS512", kid="r512", alg="RS512", use="sig"),
        jwk(P256, "ES256", kid="e", key_ops=["verify"]),
        jwk(ED, "EdDSA", kid="o"),
    ]
    found = parse_key_set(json.dumps({"keys": keys, "other": 1}).encode())

    assert [(key.kid, *key.verifiers) for key in found.keys] == [
        ("r", "RS256"),
        ("r512", "RS512"),
        ("e", "ES256"),
        ("o", "EdDSA"),
    ]
    assert found.skipped == ()
    assert all(key.origin == "jwks" for key in found.keys)


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"kty": "oct", "k": "AAAA"}, "type 'oct'"),
        ({}, "type ''"),
        ({"kty": 1}, "text `kty`"),
        ({"kty": "RSA", "kid": 1}, "text `kid`"),
        ({"kty": "RSA"}, "broken RSA"),
        ({"kty": "RSA", "n": 1, "e": 2}, "broken RSA"),
        ({"kty": "RSA", "n": "AQAB", "e": "AQAB"}, "bits|broken"),
        ({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}, "broken EC"),
        ({"kty": "EC", "crv": "P-999"}, "broken EC"),
        ({"kty": "OKP", "crv": "X25519", "x": "AAAA"}, "broken OKP"),
        ({"kty": "OKP", "crv": "Ed25519", "x": None}, "broken OKP"),
        (jwk(RSA, "RS256", use="enc"), "`use`"),
        (jwk(RSA, "RS256", key_ops=["sign"]), "`key_ops`"),
        (jwk(RSA, "RS256", key_ops="verify"), "`key_ops`"),
        (jwk(RSA, "RS256", alg="ES256"), "does not do ES256"),
        (jwk(RSA, "RS256", alg="RSA-OAEP"), "expected one of"),
        (jwk(P256, "ES256", alg="ES384"), "does not do ES384"),
        (jwk(RSA, "RS256", d="AAAA"), "private"),
    ],
)
def test_key_that_cannot_be_used_is_skipped(entry: dict[str, Any], reason: str) -> None:
    """One such key costs itself alone, with a reason."""
    with pytest.raises(ValueError, match=reason):
        key_from_jwk(entry)
    found = parse_key_set(json.dumps({"keys": [entry, jwk(ED, "EdDSA", kid="good")]}).encode())

    assert [key.kid for key in found.keys] == ["good"]
    assert len(found.skipped) == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"keys":{}}', b'{"keys":[1]}', b'{"keys":"\xff"}', b"[" * 100_000]
)
def test_key_set_refuses_other_bodies(body: bytes) -> None:
    """An error page or another document is no key set."""
    with pytest.raises(ValueError):
        parse_key_set(body)


def test_key_set_may_be_empty() -> None:
    """An issuer may say that it has no keys."""
    assert parse_key_set(b'{"keys":[]}') == ((), ())


def test_key_set_is_bounded() -> None:
    """Keys beyond the limit are left out and reported."""
    keys = [jwk(ED, "EdDSA", kid=str(number)) for number in range(MAX_KEYS + 5)]
    found = parse_key_set(json.dumps({"keys": keys}).encode())

    assert len(found.keys) == MAX_KEYS
    assert found.skipped == (f"5 keys beyond the first {MAX_KEYS}",)


def test_identity_follows_the_content() -> None:
    """The same key is recognized whatever the order of its members; another kid is another key."""
    entry = jwk(ED, "EdDSA", kid="a")
    turned = dict(reversed(entry.items()))

    assert key_from_jwk(entry).identity == key_from_jwk(turned).identity
    assert key_from_jwk(entry).identity != key_from_jwk({**entry, "kid": "b"}).identity


_values = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.lists(st.text(max_size=5), max_size=3)
)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "kid", "alg", "use", "key_ops", "n", "e", "crv", "x", "y", "d"]),
        st.one_of(_values, st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "AQAB", "ES256"])),
    )
)
def test_any_object_is_a_key_or_a_reason(entry: dict[str, object]) -> None:
    """No content of a published key set ends in anything but a key or a ValueError."""
    with contextlib.suppress(ValueError):
        assert key_from_jwk(entry).verifiers
