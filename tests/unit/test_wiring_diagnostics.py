"""Tests of holdfast.wiring_diagnostics."""

from __future__ import annotations

import asyncio
import os

import pytest

from holdfast import wiring_diagnostics
from holdfast.diagnostics.findings import Diagnosis
from holdfast.diagnostics.resources import Subject
from holdfast.main import build
from holdfast.settings import Settings
from tests.asgi import call

BEARER = [("Authorization", "Bearer word")]
SETTINGS = Settings.model_validate({"admin": {"token": "word"}, "token": {"hmac_secret": "s" * 32}})


class Resources:
    """Says of whom it was to speak."""

    def __init__(self, _settings: Settings, subject: Subject) -> None:
        self._subject = subject

    async def run(self) -> Diagnosis:
        subject = self._subject
        facts = {"pid": subject.pid, "connections": subject.connections(), "baseline": subject.baseline_bytes()}
        return Diagnosis("resources", (), facts)


async def test_paths_speak_for_the_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token path has the live validator; the resources path knows process, connections and memory at the start."""
    monkeypatch.setattr(wiring_diagnostics, "ResourceDiagnosticService", Resources)
    gateway = build(SETTINGS, asyncio.get_running_loop())
    token = await call(gateway.app, path="/admin/diagnostics/token", headers=BEARER)
    before = await call(gateway.app, path="/admin/diagnostics/resources", headers=BEARER)
    gateway.mark_serving()
    after = await call(gateway.app, path="/admin/diagnostics/resources", headers=BEARER)

    assert token.json()["severity"] == "ok"
    assert before.json()["facts"] == {"pid": os.getpid(), "connections": 0, "baseline": None}
    assert after.json()["facts"]["baseline"] > 0


async def test_paths_want_the_admin_token() -> None:
    """Like every admin path."""
    gateway = build(SETTINGS, asyncio.get_running_loop())

    for name in ("token", "resources"):
        assert (await call(gateway.app, path=f"/admin/diagnostics/{name}")).status == 401
