from __future__ import annotations

import pytest

from holdfast.broker.memory import MemoryBroker
from holdfast.broker.redis import RedisBroker
from holdfast.connections.core import Clocks
from holdfast.settings import Settings
from holdfast.settings_broker import BrokerSettings
from holdfast.wiring_broker import broker_work, make_broker
from tests.brokers import Clock


@pytest.mark.parametrize(
    ("kind", "expected", "is_shared"), [("memory", MemoryBroker, False), ("redis", RedisBroker, True)]
)
async def test_broker_is_what_the_settings_ask_for(kind: str, expected: type, is_shared: bool):
    """One that other instances share, or the embedded one."""
    clock = Clock()
    settings = Settings(broker=BrokerSettings.model_validate({"type": kind}))
    broker = make_broker(settings, Clocks(clock, clock, clock), "here")

    assert isinstance(broker, expected)
    assert broker.is_shared is is_shared


@pytest.mark.parametrize(("kind", "path", "count"), [("memory", None, 0), ("redis", None, 0), ("redis", "state", 1)])
async def test_exports_run_beside_a_shared_broker(kind: str, path: str | None, count: int):
    """Where the settings say where their files go."""
    clock = Clock()
    given = {"type": kind, "redis": {"snapshot_path": path}}
    settings = Settings(broker=BrokerSettings.model_validate(given))
    broker = make_broker(settings, Clocks(clock, clock, clock), "here")
    work = broker_work(settings, broker, "here")

    assert len(work) == count
    for one in work:
        one.close()
