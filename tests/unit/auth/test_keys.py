from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from holdfast.auth.jwt import Header
from holdfast.auth.keys import (
    ALGORITHMS,
    KeyRing,
    VerificationKey,
    hmac_key,
    hmac_sign,
    load_public_pem,
    public_key,
    usual_algorithm,
)
from holdfast.errors import TokenError

SECRET = b"s" * 32


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    """One RSA key for the module, since making one is slow."""
    return rsa.generate_private_key(65537, 2048)


def sign(private: Any, alg: str) -> tuple[bytes, bytes]:
    """Return a signing input and its signature, made by PyJWT."""
    token = jwt.encode({"sub": "1"}, private, algorithm=alg)
    signing_input, _, signature = token.encode().rpartition(b".")
    return signing_input, jwt.utils.base64url_decode(signature)


def slug_of(ring: KeyRing, header: Header, message: bytes = b"m", signature: bytes = b"", now: float = 0) -> str:
    """Return the slug of a refusal, "unknown" for None and "ok" for a key."""
    try:
        return "ok" if ring.verify(header, message, signature, now) else "unknown"
    except TokenError as error:
        return error.slug


@given(secret=st.binary(min_size=1, max_size=200), message=st.binary(max_size=300))
def test_hmac_equals_the_standard_library(secret: bytes, message: bytes) -> None:
    """The prepared states give what RFC 2104 says, for secrets below, at and above a block."""
    try:
        key = hmac_key(secret, ["HS256", "HS384", "HS512"])
    except ValueError:
        return
    for name, hash_name in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        expected = hmac.new(secret, message, hash_name).digest()
        assert key.verifiers[name](message, expected)
        assert hmac_sign(secret, name, message) == expected
        assert not key.verifiers[name](message + b"x", expected)
        assert not key.verifiers[name](message, expected[:-1])


@pytest.mark.parametrize(
    "secret",
    [b"", b"-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----", b"ssh-rsa AAAA", b'{"kty":"oct","k":"AAAA"}'],
)
def test_hmac_refuses_secrets_that_are_public(secret: bytes) -> None:
    """A public key used as a shared secret would let everybody sign."""
    with pytest.raises(ValueError):
        hmac_key(secret, ["HS256"])


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512"])
def test_rsa_verifies_only_its_own_algorithm(rsa_key: rsa.RSAPrivateKey, alg: str) -> None:
    """A key pinned to one RS algorithm takes that one's signatures."""
    ring = KeyRing([public_key(rsa_key.public_key(), alg)])
    message, signature = sign(rsa_key, alg)

    assert slug_of(ring, Header(alg, None), message, signature) == "ok"
    assert (
        slug_of(ring, Header(alg, None), message, signature[:-1] + bytes([signature[-1] ^ 1]))
        == "token_wrong_signature"
    )
    for other in ALGORITHMS - {alg}:
        assert slug_of(ring, Header(other, None), message, signature) == "token_algorithm"


@pytest.mark.parametrize(
    ("private", "alg"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "ES256"),
        (ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (ed25519.Ed25519PrivateKey.generate(), "EdDSA"),
        (ed448.Ed448PrivateKey.generate(), "EdDSA"),
    ],
)
def test_curves_have_their_algorithm(private: Any, alg: str) -> None:
    """Curve and algorithm belong together, and signatures of any length are answered."""
    key = public_key(private.public_key())
    message, signature = sign(private, alg)

    assert list(key.verifiers) == [alg]
    verify = key.verifiers[alg]
    assert verify(message, signature)
    assert not any(verify(message, bad) for bad in (b"", b"\0" * len(signature), signature[:-1], signature * 2))


def test_public_key_refuses_what_does_not_fit(rsa_key: rsa.RSAPrivateKey) -> None:
    """Small keys, other curves, other types, symmetric and unsafe algorithms are refused with a reason."""
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    strange = ec.generate_private_key(ec.SECP256K1()).public_key()
    small = rsa.generate_private_key(65537, 1024).public_key()
    for key, alg in [(curve, "ES384"), (curve, "RS256"), (rsa_key.public_key(), "ES256"), (strange, ""), (small, "")]:
        with pytest.raises(ValueError):
            public_key(key, alg)
    for alg in ("HS256", "none", "PS256", "x" * 500):
        with pytest.raises(ValueError) as error:
            public_key(rsa_key.public_key(), alg)
        assert len(str(error.value)) < 200


def test_usual_algorithm_of_rsa(rsa_key: rsa.RSAPrivateKey) -> None:
    """RSA without a word is RS256, as with PyJWT."""
    assert usual_algorithm(rsa_key.public_key()) == "RS256"


def test_load_public_pem(rsa_key: rsa.RSAPrivateKey) -> None:
    """A public key loads; a private one, another kind and rubbish are told apart."""
    pem = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    private = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    assert isinstance(load_public_pem(pem), rsa.RSAPublicKey)
    with pytest.raises(ValueError, match="private"):
        load_public_pem(private)
    with pytest.raises(ValueError, match="not a public key"):
        load_public_pem(b"rubbish")


def test_load_public_pem_of_a_key_that_signs_nothing() -> None:
    """Key exchange keys are no signing keys."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    pem = X25519PrivateKey.generate().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="cannot sign"):
        load_public_pem(pem)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "", "HS257", "PS256", "ES256K", "hs256", "x" * 9999])
def test_ring_refuses_algorithms_nobody_chose(alg: str) -> None:
    """`none` and all that no key is pinned to end in one slug, with keys and without."""
    for ring in (KeyRing([]), KeyRing([hmac_key(SECRET, ["HS256"])]), KeyRing([], fetches=True)):
        with pytest.raises(TokenError) as error:
            ring.verify(Header(alg, "k"), b"m", b"", 0)
        assert error.value.slug == "token_algorithm"
        assert len(error.value.detail) < 200


def test_ring_keeps_a_public_key_from_being_a_secret(rsa_key: rsa.RSAPrivateKey) -> None:
    """The classic confusion: HS256 signed with the public key's bytes is an algorithm fault."""
    pem = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    ring = KeyRing([public_key(rsa_key.public_key())])

    assert slug_of(ring, Header("HS256", None), b"m", hmac_sign(pem, "HS256", b"m")) == "token_algorithm"


def test_ring_pins_the_secret_to_the_chosen_algorithms() -> None:
    """An HMAC algorithm that the operator left out is refused although the secret would do it."""
    ring = KeyRing([hmac_key(SECRET, ["HS512"])])

    assert slug_of(ring, Header("HS512", None), b"m", hmac_sign(SECRET, "HS512", b"m")) == "ok"
    assert slug_of(ring, Header("HS256", None), b"m", hmac_sign(SECRET, "HS256", b"m")) == "token_algorithm"


def test_ring_finds_keys_by_id() -> None:
    """A known id means that key alone; an unknown one falls to keys without id, else is unknown."""
    first, second = hmac_key(SECRET, ["HS256"], kid="1"), hmac_key(b"t" * 32, ["HS256"], kid="2")
    signature = hmac_sign(SECRET, "HS256", b"m")
    named = KeyRing([first, second])

    assert slug_of(named, Header("HS256", "1"), b"m", signature) == "ok"
    assert slug_of(named, Header("HS256", "2"), b"m", signature) == "token_wrong_signature"
    assert slug_of(named, Header("HS256", "3"), b"m", signature) == "unknown"
    assert slug_of(named, Header("HS256", None), b"m", signature) == "ok"
    assert slug_of(named, Header("HS256", ""), b"m", signature) == "ok"
    unnamed = KeyRing([hmac_key(SECRET, ["HS256"])])
    assert slug_of(unnamed, Header("HS256", "any"), b"m", signature) == "ok"


def test_ring_refuses_a_known_id_with_another_algorithm(rsa_key: rsa.RSAPrivateKey) -> None:
    """An id cannot be used to reach another key's algorithm."""
    ring = KeyRing([public_key(rsa_key.public_key(), kid="r"), hmac_key(SECRET, ["HS256"])])

    assert slug_of(ring, Header("HS256", "r"), b"m", hmac_sign(SECRET, "HS256", b"m")) == "token_algorithm"


def test_previous_key_works_until_its_moment() -> None:
    """A rotated secret counts until its date; afterwards its tokens are of an unknown key."""
    former = hmac_key(b"t" * 32, ["HS256"], origin="previous", valid_until=1000.0)
    ring = KeyRing([hmac_key(SECRET, ["HS256"]), former])
    signature = hmac_sign(b"t" * 32, "HS256", b"m")

    assert ring.verify(Header("HS256", None), b"m", signature, 999.9) is former
    assert slug_of(ring, Header("HS256", None), b"m", signature, 1000.0) == "token_unknown_key"
    assert slug_of(ring, Header("HS256", None), b"m", b"x" * 32, 1000.0) == "token_wrong_signature"


def fetched(kid: str, private: Any) -> VerificationKey:
    """A key as the key set would bring it."""
    identity = hashlib.sha256(json.dumps([kid, id(private)]).encode()).hexdigest()
    return public_key(private.public_key(), kid=kid, origin="jwks", identity=identity)


def test_fetched_keys_come_and_go() -> None:
    """A fetched key counts until a set without it arrives, and the generation says when something went."""
    one, two = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    message, signature = sign(one, "EdDSA")
    ring = KeyRing([], fetches=True)

    assert slug_of(ring, Header("EdDSA", "1"), message, signature) == "unknown"
    ring.replace_fetched([fetched("1", one)])
    assert slug_of(ring, Header("EdDSA", "1"), message, signature) == "ok"
    ring.replace_fetched([fetched("1", one), fetched("2", two)])
    assert ring.generation == 0
    ring.replace_fetched([fetched("2", two)])
    assert ring.generation == 1
    assert slug_of(ring, Header("EdDSA", "1"), message, signature) == "unknown"


def test_fetched_key_without_id_in_the_token_only_where_unambiguous() -> None:
    """Without an id one fetched key is enough, two are a guess that is not made."""
    one, two = ed25519.Ed25519PrivateKey.generate(), ed25519.Ed25519PrivateKey.generate()
    message, signature = sign(one, "EdDSA")
    ring = KeyRing([hmac_key(SECRET, ["HS256"])], fetches=True)

    ring.replace_fetched([fetched("1", one)])
    assert slug_of(ring, Header("EdDSA", None), message, signature) == "ok"
    ring.replace_fetched([fetched("1", one), fetched("2", two)])
    assert slug_of(ring, Header("EdDSA", None), message, signature) == "unknown"


def test_ring_without_any_key_says_unknown() -> None:
    """No key at all is curable by the operator and not the token's fault."""
    assert slug_of(KeyRing([]), Header("HS256", None)) == "unknown"
    assert slug_of(KeyRing([], fetches=True), Header("HS256", "k")) == "token_algorithm"
    assert KeyRing([], fetches=True).fetches


def test_ring_takes_other_configured_keys() -> None:
    """And lets whoever remembers results forget them; fetched ones stay."""
    ring = KeyRing([hmac_key(b"a" * 32, ["HS256"], kid="a")])
    fetched = hmac_key(b"f" * 32, ["HS256"], kid="f", origin="jwks")
    ring.replace_fetched([fetched])
    before = ring.generation
    ring.replace_static([hmac_key(b"b" * 32, ["HS256"], kid="b")])

    assert [key.kid for key in ring.keys] == ["b", "f"]
    assert ring.generation > before
