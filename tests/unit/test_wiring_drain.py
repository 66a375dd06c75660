"""Drain: its paths need the token, and a scrape reads its numbers."""

import asyncio

from holdfast.main import build
from holdfast.settings import Settings
from holdfast.telemetry import metrics
from tests.asgi import call

BEARER = [("Authorization", "Bearer word")]


async def test_paths_need_the_token():
    """Orders of strangers are refused; an operator may start and cancel, by DELETE or by a path of its own."""
    settings = Settings(admin={"token": "word"})
    gateway = build(settings, asyncio.get_running_loop())
    found = gateway.departures.endpoints(settings)
    drain, cancel = found["/admin/drain"], found["/admin/drain/cancel"]

    assert (await call(drain)).status == 401
    assert (await call(drain, "POST")).status == 401
    assert gateway.departures.drain.status().state == "serving"
    assert (await call(drain, "POST", headers=BEARER)).status == 200
    assert gateway.departures.drain.status().state != "serving"
    assert (await call(drain, "DELETE", headers=BEARER)).status == 200
    assert (await call(cancel, "POST", headers=BEARER)).status == 200


async def test_numbers_are_scraped():
    """How fast clients leave, and how those left who have."""
    gateway = build(Settings(), asyncio.get_running_loop())
    gateway.departures.report()
    gateway.core.farewells.counts["shutdown", "moved"] = 3
    body, _ = metrics.exposition()

    assert b'holdfast_farewells_total{outcome="moved",slug="shutdown"} 3.0' in body
    assert b"holdfast_drain_rate 0.0" in body
