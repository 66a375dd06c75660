"""Combinations of the broker's settings that cannot work together."""

from __future__ import annotations

from holdfast.settings_broker import BrokerSettings
from holdfast.settings_faults import Fault


def check_broker(broker: BrokerSettings) -> list[Fault]:
    """Return every combination of these settings that cannot work."""
    keys = ("broker.redis.snapshot_path", "broker.type")
    if broker.redis.snapshot_path is None or broker.type == "redis":
        return []
    text = "expected broker.type redis; the embedded broker keeps its own file by broker.snapshot_path"
    return [Fault(f"{' with '.join(keys)}: {text}", keys)]
