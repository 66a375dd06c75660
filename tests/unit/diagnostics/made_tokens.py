"""Tokens, settings and a service whose clock stands still, for the tests of the token diagnosis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from holdfast.auth.validator import ImprovedTokenValidator
from holdfast.diagnostics.findings import Diagnosis, Finding
from holdfast.diagnostics.token import TokenDiagnosticService
from holdfast.diagnostics.token_places import Presented
from holdfast.settings import Settings

NOW = 1_700_000_000
SECRET = "a-secret-of-at-least-thirty-two-bytes!"
PRIVATE = ec.derive_private_key(7, ec.SECP256R1())
PEM = (
    PRIVATE.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


def settings(**token: Any) -> Settings:
    """Make settings with a secret; keywords are those of `token`, except `client`, `channel`, `api` and `http`."""
    groups = {name: token.pop(name) for name in ("client", "channel", "api", "http") if name in token}
    return Settings.model_validate({"token": {"hmac_secret": SECRET, **token}, **groups})


def make(key: Any = SECRET, alg: str = "HS256", header: dict[str, Any] | None = None, **claims: Any) -> str:
    """Sign a token; a claim of None is left out."""
    given = {"sub": "42", "exp": NOW + 60, "iat": NOW, **claims}
    return jwt.encode({k: v for k, v in given.items() if v is not None}, key, algorithm=alg, headers=header)


class Piece(httpx.AsyncByteStream):
    """A body that comes from outside."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def streamed(response: httpx.Response) -> httpx.Response:
    """Make a response that can be read bit by bit, as one from the network."""
    return httpx.Response(response.status_code, headers=response.headers, stream=Piece(response.content))


def service(
    loaded: Settings | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> TokenDiagnosticService:
    """Make the service."""
    loaded = loaded or settings()
    validator = ImprovedTokenValidator(
        loaded.token, allow_anonymous=loaded.client.allow_anonymous, clock=lambda: NOW, transport=transport
    )
    return TokenDiagnosticService(loaded, validator, clock=lambda: NOW)


def diagnose(given: Presented | str | None, loaded: Settings | None = None, **options: Any) -> Diagnosis:
    """Run it on a token or on more."""
    presented = Presented(token=given) if isinstance(given, str) else given
    return asyncio.run(service(loaded).run(presented, **options))


def finding(diagnosis: Diagnosis, check: str) -> Finding:
    """Return the one finding of a check."""
    found = [one for one in diagnosis.findings if one.check == check]
    assert len(found) == 1, [one.check for one in diagnosis.findings]
    return found[0]


def checks(diagnosis: Diagnosis, *severities: str) -> list[str]:
    """Return the checks of these severities."""
    return [one.check for one in diagnosis.findings if one.severity in severities]
