from __future__ import annotations

import pytest

from holdfast.settings_broker import BrokerSettings
from holdfast.settings_broker_checks import check_broker


@pytest.mark.parametrize(
    ("kind", "path", "count"), [("memory", None, 0), ("redis", "state", 0), ("redis", None, 0), ("memory", "state", 1)]
)
def test_files_of_shared_state_need_a_shared_broker(kind: str, path: str | None, count: int):
    """The embedded broker has a file of its own."""
    faults = check_broker(BrokerSettings.model_validate({"type": kind, "redis": {"snapshot_path": path}}))

    assert len(faults) == count
    assert all(fault.keys == ("broker.redis.snapshot_path", "broker.type") for fault in faults)
