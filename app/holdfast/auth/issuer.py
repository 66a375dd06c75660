"""Makes connection and subscription tokens with the configured secret: for the command line, tests and logins."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from holdfast.auth.keys import HMAC_HASHES, hmac_key, hmac_sign
from holdfast.errors import ConfigError
from holdfast.settings import TokenRules, TokenSettings


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A shared secret, the algorithm to sign with and the id to name it by, "" for none."""

    secret: bytes
    algorithm: str = "HS256"
    kid: str = ""

    def __repr__(self) -> str:
        return f"SigningKey(algorithm={self.algorithm!r}, kid={self.kid!r})"


class TokenIssuer:
    """Signs tokens that this gateway accepts.

    Args:
        settings: `token`; `audience` and `issuer` go into each token, `create_ttl` is how long it lives.
        clock: Unix seconds.

    Raises:
        ConfigError: there is no HMAC secret to sign with.
    """

    def __init__(self, settings: TokenSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._connection = settings
        self._subscription: TokenRules = settings.subscription or settings
        self._connection_key = signing_key(settings, "token")
        own = settings.subscription
        self._subscription_key = self._connection_key if own is None else signing_key(own, "token.subscription")
        self._ttl_seconds = settings.create_ttl
        self._clock = clock

    def create_connection(
        self, user: str, *, ttl_seconds: float | None = None, claims: Mapping[str, object] | None = None
    ) -> str:
        """Make a connection token.

        Args:
            user: the user's id; "" is the anonymous one.
            ttl_seconds: how long it lives; None is the configured time, 0 for ever.
            claims: further claims (`info`, `channels`, `subs`, ...); they win over the usual ones.
        """
        body = self._registered(user, ttl_seconds, self._connection)
        return sign({**body, **(claims or {})}, self._connection_key)

    def create_subscription(
        self,
        user: str,
        channel: str,
        *,
        ttl_seconds: float | None = None,
        claims: Mapping[str, object] | None = None,
    ) -> str:
        """Make a subscription token for one channel; arguments as in `create_connection`."""
        body = {**self._registered(user, ttl_seconds, self._subscription), "channel": channel}
        return sign({**body, **(claims or {})}, self._subscription_key)

    def _registered(self, user: str, ttl_seconds: float | None, rules: TokenRules) -> dict[str, object]:
        return registered(user, self._ttl_seconds if ttl_seconds is None else ttl_seconds, rules, self._clock())


def registered(user: str, ttl_seconds: float, rules: TokenRules, now: float) -> dict[str, object]:
    """Return the claims that every token of these rules has; it lives `ttl_seconds`, 0 for ever."""
    claims: dict[str, object] = {"sub": user, "iat": int(now), "jti": os.urandom(12).hex()}
    if ttl_seconds:
        claims["exp"] = int(now) + max(1, int(ttl_seconds))
    if rules.audience:
        claims["aud"] = rules.audience
    if rules.issuer:
        claims["iss"] = rules.issuer
    return claims


def signing_key(rules: TokenRules, path: str) -> SigningKey:
    """Return the key of these rules to sign with.

    Raises:
        ConfigError: there is no HMAC secret, or it cannot be used.
    """
    secret = rules.hmac_secret.get_secret_value().encode()
    algorithm = next(iter(rules.hmac_algorithms), "")
    if not secret or not algorithm:
        raise ConfigError([f"{path}.hmac_secret: expected the gateway's secret to sign tokens with, got none"])
    try:
        hmac_key(secret, [algorithm])
    except ValueError as error:
        raise ConfigError([f"{path}.hmac_secret: {error}"]) from None
    return SigningKey(secret, algorithm)


def sign(claims: Mapping[str, object], key: SigningKey) -> str:
    """Encode claims as a compact JWS (RFC 7515, 3.1), signed by HMAC.

    Raises:
        ValueError: the algorithm is none of HS256, HS384, HS512.
    """
    if key.algorithm not in HMAC_HASHES:
        raise ValueError(f"expected one of {', '.join(HMAC_HASHES)}, got {key.algorithm!r}")
    header = {"alg": key.algorithm, "typ": "JWT"}
    if key.kid:
        header["kid"] = key.kid
    signing_input = _segment(msgspec.json.encode(header)) + b"." + _segment(msgspec.json.encode(claims))
    return (signing_input + b"." + _segment(hmac_sign(key.secret, key.algorithm, signing_input))).decode()


def _segment(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
