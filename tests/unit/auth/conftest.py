"""Tokens from an independent issuer (PyJWT) and a clock that stands still."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jwt
import pytest
import structlog

NOW = 1_700_000_000
SECRET = "a-secret-of-at-least-thirty-two-bytes!"


@dataclass
class Clock:
    """Seconds that move only when told."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    """A clock at NOW."""
    return Clock()


def encode(claims: dict[str, Any], key: Any = SECRET, alg: str = "HS256", **headers: Any) -> str:
    """Sign with PyJWT."""
    return jwt.encode(claims, key, algorithm=alg, headers=headers or None)


def segment(value: Any) -> str:
    """Encode a part of a token by hand, for what PyJWT refuses to make."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header: Any, payload: Any, secret: str = SECRET) -> str:
    """Sign any header and payload with HS256, whatever they say."""
    from holdfast.auth.keys import hmac_sign

    signing_input = f"{segment(header)}.{segment(payload)}"
    return f"{signing_input}.{segment(hmac_sign(secret.encode(), 'HS256', signing_input.encode()))}"


@pytest.fixture
def make_token() -> Callable[..., str]:
    """`encode` as a fixture."""
    return encode


@pytest.fixture
def forge_token() -> Callable[..., str]:
    """`forge` as a fixture."""
    return forge


@pytest.fixture
def secret() -> str:
    """The HMAC secret that `make_token` signs with."""
    return SECRET


@pytest.fixture
def now() -> int:
    """Where the clock stands."""
    return NOW


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    """Every log line of the test, as dictionaries."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def run_now() -> Callable[[Any], Any]:
    """Run a coroutine that must not suspend, without a loop."""

    def run(coroutine: Any) -> Any:
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        coroutine.close()
        raise AssertionError("it suspended")

    return run


@pytest.fixture
def settle() -> Callable[[], Any]:
    """Let everything that is ready on the loop run."""

    async def turns() -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    return turns
