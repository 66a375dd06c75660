"""The endpoints of the ledger are made as the settings say."""

import asyncio

from holdfast.main import build
from holdfast.monitoring.lookup import Lookup
from holdfast.settings import Settings
from holdfast.wiring_ledger import EXPLAIN_PATH, admin_endpoints, explain_endpoints
from tests.asgi import call

CID = b"cid=" + b"0" * 32


async def test_explain_is_limited_as_the_settings_say():
    """Ten times the rate at once from one address, and no more."""
    settings = Settings(ledger={"explain_rate": 0.1})
    gateway = build(settings, asyncio.get_running_loop())
    lookup = Lookup(gateway.core, gateway.ledger)
    app = explain_endpoints(settings, lookup, gateway.cluster, lambda attempt, client: "word")[EXPLAIN_PATH]

    assert [(await call(app, query_string=CID)).status for _ in range(2)] == [404, 429]


async def test_admin_paths_need_the_token():
    """Without a token in the settings nobody gets in; with it every path answers."""
    settings = Settings(admin={"token": "word"})
    gateway = build(settings, asyncio.get_running_loop())
    bearer = [("Authorization", "Bearer word")]
    for path, app in admin_endpoints(settings, Lookup(gateway.core, gateway.ledger), gateway.cluster).items():
        scope = {"path_params": {"id": "x"}} if "{id}" in path else {}
        assert (await call(app, headers=bearer, **scope)).status in {200, 404}
        assert (await call(app, **scope)).status == 401
