"""Tests of holdfast.wiring_diagnostics."""

from __future__ import annotations

import asyncio

from holdfast.main import build
from holdfast.settings import Settings
from tests.asgi import call

BEARER = [("Authorization", "Bearer word")]


async def test_paths_speak_for_the_instance() -> None:
    """The token path has the live validator."""
    gateway = build(
        Settings.model_validate({"admin": {"token": "word"}, "token": {"hmac_secret": "s" * 32}}),
        asyncio.get_running_loop(),
    )
    gateway.validator.revoke(jti="gone")
    token = await call(gateway.app, path="/admin/diagnostics/token", headers=BEARER)

    assert token.json()["severity"] == "ok"


async def test_paths_want_the_admin_token() -> None:
    """Like every admin path."""
    gateway = build(Settings.model_validate({"admin": {"token": "word"}}), asyncio.get_running_loop())

    assert (await call(gateway.app, path="/admin/diagnostics/token")).status == 401
