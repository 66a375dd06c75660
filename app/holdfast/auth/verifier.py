"""Checks one kind of token from its bytes to its claims, in one fixed order. Pure: keys and time are given.

Faults that no fresh token cures come before those that one would, so that a client with both stops at once instead
of fetching tokens for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple

from holdfast.auth.claims import AnyClaims, TokenClaims
from holdfast.auth.jwt import Header, HeaderCache, decode_segment, split_token
from holdfast.auth.keys import KeyRing, VerificationKey
from holdfast.auth.revocation import RevocationList
from holdfast.errors import TokenError


@dataclass(frozen=True, slots=True)
class Rules:
    """What a token must say; empty `audience` and `issuer` accept any, `leeway` is in seconds."""

    audience: str = ""
    issuer: str = ""
    leeway: float = 0.0
    max_bytes: int = 8192


class Verified(NamedTuple, Generic[AnyClaims]):
    """The claims of a token whose signature and contents are right, and the key that says so."""

    claims: AnyClaims
    key: VerificationKey
    header: Header


class TokenVerifier(Generic[AnyClaims]):
    """One kind of token: its rules, its keys and the shape of its claims."""

    def __init__(self, rules: Rules, ring: KeyRing, decode: Callable[[bytes], AnyClaims]) -> None:
        self.rules = rules
        self.ring = ring
        self._decode: Callable[[bytes], AnyClaims] = decode
        self._headers = HeaderCache()

    def verify(self, token: str, now: float) -> Verified[AnyClaims] | None:
        """Check everything but the times; None when the token's key is not known but might be fetched.

        Raises:
            TokenError: any cause but expiry, not yet valid and revocation.
        """
        parts = split_token(token, self.rules.max_bytes)
        header = self._headers.parse(parts.header)
        # All parts are decoded first: what was changed on its way is "not base64", not "wrong signature".
        signature = decode_segment(parts.signature, "signature")
        payload = decode_segment(parts.payload, "payload")
        key = self.ring.verify(header, parts.signing_input, signature, now)
        if key is None:
            return None
        self._headers.remember(parts.header, header)
        claims = self._decode(payload)
        check_origin(claims, self.rules)
        return Verified(claims, key, header)

    def unknown_key(self, token: str) -> TokenError:
        """Make the error for a token of which `verify` said None and no fetch helped."""
        kid = self._headers.parse(split_token(token, self.rules.max_bytes).header).kid
        if not self.ring.keys:
            source = "none could be fetched" if self.ring.fetches else "set token.hmac_secret, public_keys or jwks"
            return TokenError("token_unknown_key", f"there is no key at all: {source}")
        if not kid:
            return TokenError("token_unknown_key", "the token names no `kid`, and several keys could be meant")
        return TokenError("token_unknown_key", f"no key has the id {kid[:64]!r}")


def check_origin(claims: TokenClaims, rules: Rules) -> None:
    """Compare issuer and audience with the rules (RFC 7519, 4.1.1 and 4.1.3).

    Raises:
        TokenError: `token_issuer`, `token_audience`.
    """
    if rules.issuer and claims.issuer != rules.issuer:
        raise TokenError("token_issuer", f"expected {rules.issuer!r}, got {claims.issuer[:128]!r}")
    if rules.audience and rules.audience not in claims.audience:
        got = ", ".join(name[:128] for name in claims.audience[:8]) or "none"
        raise TokenError("token_audience", f"expected {rules.audience!r}, got {got}")


def check_now(claims: TokenClaims, revocations: RevocationList, leeway: float, now: float) -> None:
    """Check what may change while a token lives, at each of its uses.

    Raises:
        TokenError: `user_revoked` first, since no fresh token cures it, then `token_expired`,
            `token_not_yet_valid`, `token_revoked`.
    """
    revoked = revocations.find(claims, now)
    if revoked == "user_revoked":
        raise TokenError(revoked, "the user's tokens were revoked")
    check_times(claims, leeway, now)
    if revoked is not None:
        raise TokenError(revoked, "this `jti` was revoked")


def check_times(claims: TokenClaims, leeway: float, now: float) -> None:
    """Compare `exp`, `nbf` and `iat` with the clock; at `exp` itself a token has expired (RFC 7519, 4.1.4).

    Raises:
        TokenError: `token_expired`, `token_not_yet_valid`; the context has `clock_difference_seconds`.
    """
    if claims.expires_at and claims.expires_at + leeway <= now:
        late = now - claims.expires_at
        raise TokenError("token_expired", f"exp was {late:.0f} s ago", clock_difference_seconds=round(late, 3))
    for name, moment in (("nbf", claims.not_before), ("iat", claims.issued_at)):
        if moment > now + leeway:
            early = moment - now
            raise TokenError(
                "token_not_yet_valid", f"{name} is {early:.0f} s ahead", clock_difference_seconds=round(-early, 3)
            )
