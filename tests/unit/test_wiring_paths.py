from __future__ import annotations

import asyncio
import json

from holdfast.app import POLL_PATH, WEBSOCKET_PATH
from holdfast.main import build
from holdfast.settings import Settings
from holdfast.wiring_paths import CONNECTIONS_PATH, KEYS_PATH, diagnosis_paths, gateway_terms, records_of
from tests.asgi import call
from tests.unit.diagnostics.ends import ended


def test_terms_have_the_paths_of_the_application() -> None:
    """What is switched off has no path."""
    found = gateway_terms(Settings.model_validate({"sse": {"enabled": False}}))

    assert (found.websocket, found.poll, len(found.streams)) == (WEBSOCKET_PATH, POLL_PATH, 1)
    assert gateway_terms(Settings.model_validate({"poll": {"enabled": False}})).poll == ""


async def test_diagnosis_is_asked_with_the_admin_token() -> None:
    """Operators get the diagnosis, others do not."""
    gateway = build(Settings.model_validate({"admin": {"token": "t"}}), asyncio.get_running_loop())
    endpoint = diagnosis_paths(gateway.settings, gateway.core, gateway.ledger)[CONNECTIONS_PATH]
    answer = await call(endpoint, "GET", headers=[("authorization", "Bearer t")])

    assert answer.status == 200
    assert json.loads(answer.body)["service"] == "connections"
    assert (await call(endpoint, "GET")).status == 401


async def test_records_are_all_that_the_ledger_has() -> None:
    """Every record counts, however many."""
    gateway = build(Settings(), asyncio.get_running_loop())
    for number in range(500):
        gateway.ledger.ended(ended(60.0, 1_700_000_000.0 + number, client=f"c{number}", attempt=f"{number:032x}"))
    records = records_of(gateway.ledger)

    assert len(await records.ended()) == 500
    assert await records.refused() == []


async def test_keys_are_listed_without_secrets() -> None:
    """Ids, origins and ends, for operators."""
    settings = Settings.model_validate({"admin": {"token": "t"}, "token": {"hmac_secret": "s" * 32}})
    gateway = build(settings, asyncio.get_running_loop())
    endpoint = diagnosis_paths(gateway.settings, gateway.core, gateway.ledger)[KEYS_PATH]
    answer = await call(endpoint, "GET", headers=[("authorization", "Bearer t")])

    assert json.loads(answer.body)["keys"][0] == {
        "kid": "", "origin": "static", "algorithms": ["HS256", "HS384", "HS512"], "valid_until": None,
    }  # fmt: skip
    assert "sss" not in answer.body.decode()
    assert (await call(endpoint, "GET")).status == 401
