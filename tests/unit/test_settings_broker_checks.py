from __future__ import annotations

from typing import Any

import pytest

from holdfast.settings_broker import BrokerSettings
from holdfast.settings_broker_checks import check_broker, stop_warnings
from holdfast.settings_load import load_settings


@pytest.mark.parametrize(
    ("kind", "path", "count"), [("memory", None, 0), ("redis", "state", 0), ("redis", None, 0), ("memory", "state", 1)]
)
def test_files_of_shared_state_need_a_shared_broker(kind: str, path: str | None, count: int):
    """The embedded broker has a file of its own."""
    faults = check_broker(BrokerSettings.model_validate({"type": kind, "redis": {"snapshot_path": path}}))

    assert len(faults) == count
    assert all(fault.keys == ("broker.redis.snapshot_path", "broker.type") for fault in faults)


REDIS = {"broker.type": "redis"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, []),
        (REDIS, []),
        ({"shutdown.propagation_wait": 0, "shutdown.drain_window": 1}, []),
        (REDIS | {"shutdown.propagation_wait": 0}, ["propagation_wait with broker.type: expected longer"]),
        (REDIS | {"shutdown.drain_window": 5}, ["expected at least 10 s, in which one other instance"]),
        (REDIS | {"shutdown.drain_window": 5, "admission.rate": 0}, []),
        (REDIS | {"admission.max_connections": 40000}, ["expected at least 40 s", "saw 30;"]),
    ],
)
def test_stop_that_clients_would_notice_is_warned_of(given: dict[str, Any], words: list[str]):
    """With peers alone: newcomers that a balancer still sends, and a crowd that the others refuse."""
    text = "\n".join(stop_warnings(load_settings(overrides=given)))

    assert bool(text) is bool(words)
    assert all(word in text for word in words)
