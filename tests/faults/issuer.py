"""Who issues tokens in the lab: an HMAC secret, and keys that a real JWKS endpoint serves, rotates and loses."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from tests import backends
from tests.backends import running_backend
from tests.gateway import SECRET

PATH = "/keys"
AUDIENCE, ISSUER = "holdfast-lab", "https://issuer.test"
TEN_MINUTES = 600.0


class Issuer:
    """Signs what a test asks for; its endpoint runs between `start` and `stop`."""

    def __init__(self) -> None:
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self._served: list[str] = []
        self._stack = ExitStack()
        self._backend: backends.Backend | None = None

    # The endpoint

    def start(self) -> str:
        """Serve the key set and return its URL."""
        self._backend = self._stack.enter_context(running_backend())
        self.rotate("first")
        return self._backend.url(PATH)

    def stop(self) -> None:
        """Take the endpoint away: its port refuses connections."""
        self._stack.close()

    def rotate(self, kid: str, *, is_served: bool = True) -> None:
        """Make a key; where it is not served, the endpoint lags behind the issuer."""
        self._keys[kid] = ec.generate_private_key(ec.SECP256R1())
        if is_served:
            self._served.append(kid)
        assert self._backend is not None
        self._backend.answers[PATH] = backends.say({"keys": [self._public(one) for one in self._served]})

    @property
    def fetches(self) -> int:
        """How often the set was asked for."""
        assert self._backend is not None
        return len(self._backend.asked(PATH))

    def _public(self, kid: str) -> dict[str, Any]:
        known: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(self._keys[kid].public_key()))
        return {**known, "kid": kid, "use": "sig", "alg": "ES256"}

    # Tokens

    def token(self, user: str = "ada", *, skew_seconds: float = 0, secret: str = SECRET, **claims: Any) -> str:
        """Return a good token but for what is said; a claim that is None is left out."""
        return jwt.encode(self.claims(user, skew_seconds, claims), secret, algorithm="HS256")

    def signed(self, kid: str, user: str = "ada", **claims: Any) -> str:
        """Return a token of one of the rotating keys."""
        return jwt.encode(self.claims(user, 0, claims), self._keys[kid], algorithm="ES256", headers={"kid": kid})

    def claims(self, user: str, skew_seconds: float, over: dict[str, Any]) -> dict[str, Any]:
        """Return the claims that an issuer writes whose clock is wrong by so much."""
        now = time.time() + skew_seconds
        usual = {"sub": user, "aud": AUDIENCE, "iss": ISSUER, "iat": int(now), "exp": int(now + TEN_MINUTES / 2)}
        return {name: value for name, value in {**usual, **over}.items() if value is not None}
