"""Defaults that depend on another setting: presets for the path that most clients come by, and stops with peers.

A preset stands under everything that is said: file, environment and arguments win over it. docs/presets.md has the
table with its reasons; a test compares it with this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

Preset = Literal["", "mobile", "corporate_proxy", "lan"]

PRESETS: Final[Mapping[str, Mapping[str, float]]] = {
    "mobile": {
        "client.ping_interval": 45.0,
        "client.pong_timeout": 15.0,
        "client.handshake_timeout": 60.0,
        "http.request_timeout": 60.0,
        "websocket.close_timeout": 5.0,
        "poll.timeout": 45.0,
        "poll.idle_timeout": 120.0,
    },
    "corporate_proxy": {
        "client.ping_interval": 15.0,
        "client.pong_timeout": 10.0,
        "client.handshake_timeout": 45.0,
        "poll.timeout": 15.0,
    },
    "lan": {
        "client.ping_interval": 10.0,
        "client.pong_timeout": 3.0,
        "client.handshake_timeout": 10.0,
        "http.request_timeout": 10.0,
        "poll.idle_timeout": 40.0,
    },
}
"""By name: what each setting is where nobody says otherwise, in seconds."""


WITH_PEERS: Final[Mapping[str, float]] = {"shutdown.propagation_wait": 5.0, "shutdown.drain_window": 30.0}
"""The same where `broker.type` is redis: there is a balancer to wait for, and others have to take the clients in."""


def lay_under(data: dict[str, Any]) -> None:
    """Put the preset that nested settings name, and what goes with their broker, under them.

    What is not known is left to the type check.
    """
    name, broker = data.get("preset"), data.get("broker")
    defaults = dict(PRESETS.get(name, {})) if isinstance(name, str) else {}
    if isinstance(broker, dict) and broker.get("type") == "redis":
        defaults |= WITH_PEERS
    for key, value in defaults.items():
        *groups, last = key.split(".")
        here: Any = data
        for group in groups:
            here = here.setdefault(group, {}) if isinstance(here, dict) else None
        if isinstance(here, dict):
            here.setdefault(last, value)
