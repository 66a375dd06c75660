"""Reads a JSON Web Key Set (RFC 7517): which of its keys verify tokens, and why the others do not.

Pure. Only public signing keys are taken: a shared or private key in a published set is no secret any more.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec
from jwt.exceptions import PyJWTError

from holdfast.auth.keys import PUBLIC_ALGORITHMS, PublicKeyObject, VerificationKey, public_key

# More keys than any issuer rotates through; each costs memory and one parse per fetch.
MAX_KEYS = 64

# Of each type any algorithm reads the JWK; the key is pinned to its own afterwards.
_READERS = {"RSA": "RS256", "EC": "ES256", "OKP": "EdDSA"}


class KeySet(NamedTuple):
    """What a set holds: usable keys, and a sentence for each that is not."""

    keys: tuple[VerificationKey, ...]
    skipped: tuple[str, ...]


class _Set(msgspec.Struct):
    keys: list[dict[str, object]]


def parse_key_set(body: bytes) -> KeySet:
    """Read a key set; single keys that cannot be used are skipped, as RFC 7517, 5 asks.

    Raises:
        ValueError: it is no key set at all.
    """
    try:
        entries = msgspec.json.decode(body, type=_Set).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ValueError("expected a JSON object with a list `keys`") from None
    keys: list[VerificationKey] = []
    skipped: list[str] = []
    for index, entry in enumerate(entries[:MAX_KEYS]):
        try:
            keys.append(key_from_jwk(entry))
        except ValueError as error:
            skipped.append(f"key {index}: {error}")
    if len(entries) > MAX_KEYS:
        skipped.append(f"{len(entries) - MAX_KEYS} keys beyond the first {MAX_KEYS}")
    return KeySet(tuple(keys), tuple(skipped))


def key_from_jwk(jwk: dict[str, object]) -> VerificationKey:
    """Make a verification key of one JWK, pinned to its `alg`, or to the usual one of its type and curve.

    Raises:
        ValueError: it is not a public key that verifies signatures, or is broken.
    """
    kty, kid, alg = (_text(jwk, name) for name in ("kty", "kid", "alg"))
    if kty not in _READERS:
        raise ValueError(f"type {kty[:16]!r} is not used for tokens from a key set")
    if "d" in jwk:
        raise ValueError("a private key; the issuer published a secret")
    if jwk.get("use", "sig") != "sig":
        raise ValueError("its `use` is not signatures")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise ValueError("its `key_ops` do not have `verify`")
    identity = hashlib.sha256(msgspec.json.encode(jwk, order="sorted")).hexdigest()
    return public_key(_read(kty, jwk), alg, kid=kid, origin="jwks", identity=identity)


def _text(jwk: dict[str, object], name: str) -> str:
    value = jwk.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"expected a text `{name}`")
    return value


def _read(kty: str, jwk: dict[str, object]) -> PublicKeyObject:
    try:
        # A public key, since `d` is what would make it a private one.
        key: PublicKeyObject = PUBLIC_ALGORITHMS[_READERS[kty]].from_jwk(jwk)
    except (PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        # What the libraries raise for missing and malformed numbers, and for points off the curve.
        raise ValueError(f"a broken {kty} key") from None
    return key
