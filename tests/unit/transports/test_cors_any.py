from __future__ import annotations

from typing import Any

from holdfast.routes.errors import send_bytes
from holdfast.transports.cors_any import AnyOrigin
from tests.asgi import call


async def endpoint(scope: Any, receive: Any, send: Any) -> None:
    """Answer with a refusal."""
    await send_bytes(send, 429, b"{}", [(b"retry-after", b"1")])


async def test_preflight_is_answered() -> None:
    """JSON needs one; no cookies are asked for."""
    headers = [("Origin", "https://app.example"), ("Access-Control-Request-Headers", "content-type")]
    answer = await call(AnyOrigin(endpoint, "POST"), "OPTIONS", headers=headers)

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST, OPTIONS"
    assert answer.headers["access-control-allow-headers"] == "content-type"
    assert "access-control-allow-credentials" not in answer.headers


async def test_every_answer_can_be_read() -> None:
    """Refusals too, with when to come back."""
    answer = await call(AnyOrigin(endpoint, "POST"), "POST")

    assert (answer.status, answer.headers["access-control-allow-origin"]) == (429, "*")
    assert answer.headers["access-control-expose-headers"] == "retry-after"
