"""Keys that verify tokens: built once, pinned to their algorithms, found by key id.

PyJWT and cryptography do the asymmetric algorithms. HMAC is done here from two prepared hash states (RFC 2104, 4):
0.9 us a token where `hmac.digest` takes 2.3, and the tests hold both equal.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import Algorithm, HMACAlgorithm, get_default_algorithms
from jwt.exceptions import InvalidKeyError

from holdfast.auth.jwt import Header
from holdfast.errors import TokenError

K = TypeVar("K")
Verify = Callable[[bytes, bytes], bool]
"""Takes what is signed and the signature."""
PublicKeyObject = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | ed448.Ed448PublicKey
Origin = Literal["static", "previous", "file", "jwks"]

HMAC_HASHES = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
PUBLIC_ALGORITHMS: Mapping[str, Algorithm] = {
    name: algorithm
    for name, algorithm in get_default_algorithms().items()
    if name in {"RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "EdDSA"}
}
ALGORITHMS = frozenset(HMAC_HASHES) | frozenset(PUBLIC_ALGORITHMS)

# Where a key does not say its algorithm. RS256 for RSA as PyJWT and most issuers have it.
_CURVE_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
# NIST SP 800-131A for the lower bound; the upper one keeps a single check below a millisecond.
_RSA_BITS = (2048, 16384)
# RFC 7518, 3.2: at least as long as the hash's output.
ADVISED_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True, eq=False)
class VerificationKey:
    """One key: what it is called, what it accepts, where it came from and until when it is believed.

    `identity` tells whether a fetched key is the same as before; `valid_until` is in Unix seconds.
    """

    kid: str
    verifiers: Mapping[str, Verify]
    origin: Origin
    identity: str = ""
    valid_until: float = math.inf


def hmac_key(
    secret: bytes,
    algorithms: Iterable[str],
    *,
    kid: str = "",
    origin: Origin = "static",
    valid_until: float = math.inf,
) -> VerificationKey:
    """Make a key of a shared secret.

    Raises:
        ValueError: the secret is empty, or is a public key or a JWK in disguise, which an attacker may know.
    """
    try:
        HMACAlgorithm(HMACAlgorithm.SHA256).prepare_key(secret)
    except InvalidKeyError as error:
        raise ValueError(str(error)) from None
    verifiers = {name: _hmac_verifier(secret, name) for name in algorithms}
    return VerificationKey(kid, verifiers, origin, valid_until=valid_until)


def load_public_pem(pem: bytes) -> PublicKeyObject:
    """Read a public key.

    Raises:
        ValueError: it is no PEM public key of a kind that signs tokens; a private key is refused too.
    """
    if b"PRIVATE KEY" in pem:
        raise ValueError("this is a private key; the gateway needs the public one only")
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        raise ValueError("not a public key in PEM") from None
    if not isinstance(key, PublicKeyObject):
        raise ValueError(f"{type(key).__name__} cannot sign tokens")
    return key


def public_key(
    key: PublicKeyObject,
    algorithm: str = "",
    *,
    kid: str = "",
    origin: Origin = "static",
    identity: str = "",
) -> VerificationKey:
    """Pin a public key to one algorithm; empty takes the usual one of the key's type and curve.

    Raises:
        ValueError: the key is too small or does not fit the algorithm.
    """
    name = algorithm or usual_algorithm(key)
    if name not in PUBLIC_ALGORITHMS:
        raise ValueError(f"expected one of {', '.join(PUBLIC_ALGORITHMS)}, got {name[:32]!r}")
    if isinstance(key, rsa.RSAPublicKey) and not _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]:
        low, high = _RSA_BITS
        raise ValueError(f"expected an RSA key of {low} to {high} bits, got {key.key_size}")
    try:
        verifier = _public_verifier(PUBLIC_ALGORITHMS[name], key)
    except (InvalidKeyError, TypeError):
        raise ValueError(f"a key of type {type(key).__name__} does not do {name}") from None
    return VerificationKey(kid, {name: verifier}, origin, identity)


def usual_algorithm(key: PublicKeyObject) -> str:
    """Return the algorithm that a key of this type and curve is pinned to when nothing says more, or ""."""
    if isinstance(key, rsa.RSAPublicKey):
        return "RS256"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVE_ALGORITHMS.get(key.curve.name, "")
    return "EdDSA"


def hmac_sign(secret: bytes, algorithm: str, message: bytes) -> bytes:
    """Return the HMAC of a message; the algorithm is one of `HMAC_HASHES`."""
    return hmac.digest(secret, message, HMAC_HASHES[algorithm])


class KeyRing:
    """All keys that one kind of token may be signed with: configured ones, and fetched ones on top.

    `generation` grows whenever a key went or changed, so that whoever remembers results can forget them.
    """

    def __init__(self, static: Sequence[VerificationKey], *, fetches: bool = False) -> None:
        self.generation = 0
        self._static = tuple(static)
        self._fetches = fetches
        self._fetched: tuple[VerificationKey, ...] = ()
        self._index()

    @property
    def keys(self) -> tuple[VerificationKey, ...]:
        """Every key, configured ones first."""
        return self._static + self._fetched

    @property
    def fetches(self) -> bool:
        """Whether keys that are not known yet can be fetched."""
        return self._fetches

    def replace_static(self, keys: Sequence[VerificationKey]) -> None:
        """Take newly configured keys instead of the former ones; what was remembered of tokens is forgotten."""
        self.generation += 1
        self._static = tuple(keys)
        self._index()

    def replace_fetched(self, keys: Sequence[VerificationKey]) -> None:
        """Take a newly fetched set instead of the former one."""
        former = {key.identity for key in self._fetched}
        if not former <= {key.identity for key in keys}:
            self.generation += 1
        self._fetched = tuple(keys)
        self._index()

    def verify(self, header: Header, signing_input: bytes, signature: bytes, now: float) -> VerificationKey | None:
        """Return the key whose signature it is, or None when no key of that id is known.

        Raises:
            TokenError: `token_algorithm`, `token_wrong_signature`, or `token_unknown_key` for a signature that is
                right but of a key whose time is over.
        """
        alg = header.alg
        candidates = self._select(alg, header.kid)
        if candidates is None:
            return None
        for key in candidates:
            if key.verifiers[alg](signing_input, signature):
                if now >= key.valid_until:
                    raise TokenError("token_unknown_key", "signed with a previous key whose time is over")
                return key
        raise TokenError("token_wrong_signature", f"checked with {len(candidates)} key(s) for {alg}")

    # Private methods.

    def _select(self, alg: str, kid: str | None) -> tuple[VerificationKey, ...] | None:
        if not kid:
            found = self._for_no_kid.get(alg)
        elif kid in self._kids:
            found = self._named.get((kid, alg))
            if found is None:
                raise TokenError("token_algorithm", f"the key of this id is not for {_shown(alg)}")
        else:
            # As with Centrifugo, a configured key without an id serves tokens of any id.
            found = self._unnamed.get(alg)
        if found is None and not self._may_exist(alg):
            raise TokenError("token_algorithm", self._algorithm_detail(alg))
        return found

    def _may_exist(self, alg: str) -> bool:
        if not self._static and not self._fetches:
            return alg in ALGORITHMS
        return alg in self._known_algorithms or (self._fetches and alg in PUBLIC_ALGORITHMS)

    def _algorithm_detail(self, alg: str) -> str:
        known = ", ".join(sorted(self._known_algorithms)) or "none yet"
        return f"expected an algorithm the keys are pinned to ({known}), got {_shown(alg)}"

    def _index(self) -> None:
        """Prepare one lookup for each way a header can name its key."""
        self._kids = {key.kid for key in self.keys if key.kid}
        self._known_algorithms = {alg for key in self.keys for alg in key.verifiers}
        self._named = _grouped(((key.kid, alg), key) for key in self.keys if key.kid for alg in key.verifiers)
        self._unnamed = _grouped((alg, key) for key in self._static if not key.kid for alg in key.verifiers)
        self._for_no_kid = _grouped((alg, key) for key in self._static for alg in key.verifiers)
        # A token without an id may use a fetched key only where there is no choice: trying a whole set
        # would let anybody buy many slow checks with one token.
        for alg, keys in _grouped((a, key) for key in self._fetched for a in key.verifiers).items():
            if len(keys) == 1:
                self._for_no_kid[alg] = self._for_no_kid.get(alg, ()) + keys


def _grouped(
    pairs: Iterable[tuple[K, VerificationKey]],
) -> dict[K, tuple[VerificationKey, ...]]:
    groups: dict[K, tuple[VerificationKey, ...]] = {}
    for name, key in pairs:
        groups[name] = (*groups.get(name, ()), key)
    return groups


def _hmac_verifier(secret: bytes, name: str) -> Verify:
    make_hash = HMAC_HASHES[name]
    block = make_hash().block_size
    padded = (make_hash(secret).digest() if len(secret) > block else secret).ljust(block, b"\0")
    inner = make_hash(bytes(byte ^ 0x36 for byte in padded))
    outer = make_hash(bytes(byte ^ 0x5C for byte in padded))
    same = hmac.compare_digest

    def verify(signing_input: bytes, signature: bytes) -> bool:
        first, second = inner.copy(), outer.copy()
        first.update(signing_input)
        second.update(first.digest())
        return same(second.digest(), signature)

    return verify


def _public_verifier(algorithm: Algorithm, key: PublicKeyObject) -> Verify:
    prepared = algorithm.prepare_key(key)

    def verify(signing_input: bytes, signature: bytes) -> bool:
        return algorithm.verify(signing_input, prepared, signature)

    return verify


def _shown(alg: str) -> str:
    return repr(alg[:32])
