"""What a fleet shares: Redis servers of one of the three kinds, and the settings that lead to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.gateway import SETTINGS, merged

DURABLE = "durable"
# As operators set it who want nothing acknowledged to be lost: no write where no replica would get it.
SAFE = {"min-replicas-to-write": "1", "min-replicas-max-lag": "2"}


def settings_for(mode: str, addresses: Sequence[str], **broker: Any) -> dict[str, Any]:
    """Return the settings of an instance that shares Redis; the namespace `durable` waits for a replica."""
    namespaces = SETTINGS["channel"]["namespaces"]
    recover = next(one for one in namespaces if one["name"] == "recover")
    return {
        "broker": merged({"type": "redis", "redis": {"mode": mode, "addresses": list(addresses)}}, broker),
        "channel": {"namespaces": [*namespaces, {**recover, "name": DURABLE, "durability": 1}]},
    }


def with_window(settings: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """Return the same settings with such a drain window, which clients are told too."""
    window = f"{seconds:g}s"
    return merged(settings, {"shutdown": {"drain_window": window}, "client": {"reconnect_window": window}})
