from __future__ import annotations

import asyncio

from holdfast.connections.control import Target
from holdfast.connections.revoking import Order
from holdfast.main import build
from holdfast.settings import Settings
from holdfast.telemetry import metrics
from holdfast.wiring_cluster import NODES_PATH
from tests.asgi import call
from tests.brokers import Clock
from tests.pair import Pair

NOW = 1_700_000_000.0
BEARER = [("Authorization", "Bearer word")]


async def test_instance_alone_asks_nobody() -> None:
    """With the embedded broker nothing runs, nothing is written, nothing is waited for."""
    gateway = build(Settings(admin={"token": "word"}), asyncio.get_running_loop())
    await gateway.start()
    cluster = gateway.cluster
    await cluster.everywhere.disconnect(Target("anna"))
    await cluster.revoker.revoke(Order(user="anna", seconds=60))

    assert cluster.work() == []
    assert cluster.log_secrets is None
    assert await gateway.core.broker.tables.read("nodes") == {}
    assert cluster.bus.stats.messages == {}
    assert [node.name for node in await cluster.list_for_api()] == [gateway.core.instance]
    assert 'holdfast_nodes{phase="starting"} 1.0' in metrics.exposition()[0].decode()
    await gateway.stop()


async def test_admin_path_lists_instances() -> None:
    """For whoever has the token: name, version, phase and numbers of each."""
    pair = await Pair(Clock(NOW), admin={"token": "word"}).start()
    pair.there.connect()
    endpoint = pair.here.cluster.endpoints()[NODES_PATH]
    await pair.there.cluster.nodes.beat()
    nodes = (await call(endpoint, headers=BEARER)).json()["nodes"]

    assert [(node["name"], node["phase"], node["connections"]) for node in nodes] == [
        ("here", "serving", 0),
        ("there", "serving", 1),
    ]
    assert (await call(endpoint)).status == 401
    assert 'holdfast_nodes{phase="serving"} 2.0' in metrics.exposition()[0].decode()


async def test_heartbeat_brings_what_was_missed() -> None:
    """After an interruption the next heartbeat comes at once, and with it what was revoked meanwhile."""
    pair = await Pair(Clock(NOW)).start()
    assert sorted(await pair.exchange.memory.tables.read("log_secrets")) == ["here", "there"]
    [work] = pair.there.cluster.work()
    running = asyncio.ensure_future(work)
    pair.exchange.cut_off.add("there")
    await asyncio.sleep(0)
    revoking = asyncio.ensure_future(pair.here.cluster.revoker.revoke(Order(user="anna", seconds=60)))
    await pair.until_timers(pair.here, revoking)
    pair.exchange.cut_off.clear()
    for handler in pair.exchange.heard_by("there"):
        handler.on_resumed(())
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert [one.name for one in pair.there.validator.revocations()] == ["anna"]


async def test_stop_does_not_wait_for_a_broker_that_hangs(monkeypatch) -> None:
    """The entry ends by itself."""
    pair = await Pair(Clock(NOW)).start()
    monkeypatch.setattr("holdfast.wiring_cluster._LEAVE_SECONDS", 0.001)
    monkeypatch.setattr(pair.there.broker, "remove", lambda *_: asyncio.sleep(3600))
    await pair.there.cluster.stop()

    assert list(await pair.here.cluster.nodes.others()) == ["there"]
