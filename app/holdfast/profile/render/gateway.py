"""The gateway's part: settings of holdfast.yaml that follow from the profile."""

from __future__ import annotations

from typing import Any

import yaml

from holdfast.profile.derive import derive
from holdfast.profile.derived import Derived
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Intents, Profile
from holdfast.profile.render.heading import heading


def gateway(profile: Profile, facts: HostFacts) -> str:
    """Return the part of holdfast.yaml that the profile decides; addresses, keys and channels are somebody else's."""
    settings = gateway_settings(profile.intents, derive(profile, facts))
    return "\n".join([*heading(profile, "gateway"), yaml.safe_dump(settings, sort_keys=False).rstrip()]) + "\n"


def gateway_settings(intents: Intents, derived: Derived) -> dict[str, Any]:
    """Return the same as nested settings."""
    return {
        "http": {"backlog": derived.backlog, "sockets": _sockets(derived)},
        "websocket": {"max_message_bytes": intents.max_message_bytes},
        "poll": {"timeout": derived.poll_timeout, "idle_timeout": derived.poll_idle_timeout},
        "client": {
            "ping_interval": derived.ping_interval,
            "pong_timeout": derived.pong_timeout,
            "queue_max_size": intents.queue_bytes,
            "reconnect_window": _number(intents.reconnect_window),
        },
        "admission": {
            "max_connections": derived.connections_per_instance,
            "rate": derived.handshake_rate,
            "burst": derived.handshake_burst,
        },
        "broker": {"unready_after": _number(derived.broker_unready_after)},
        "shutdown": {
            "propagation_wait": _number(derived.propagation_wait),
            "drain_window": _number(derived.drain_window),
            "drain_max_rate": _number(intents.reconnect_rate),
            "timeout": _number(intents.stop_flush),
        },
        "monitor": {
            "memory_limit": derived.memory_max_bytes,
            "memory": {"warning": intents.alert_ratio, "critical": max(0.9, intents.alert_ratio)},
            "descriptors": {"warning": intents.alert_ratio, "critical": max(0.95, intents.alert_ratio)},
        },
    }


def _sockets(derived: Derived) -> dict[str, Any]:
    return {
        "keepalive_idle": derived.keepalive_idle,
        "keepalive_interval": derived.keepalive_interval,
        "keepalive_probes": derived.keepalive_probes,
        "user_timeout": derived.user_timeout,
        "notsent_lowat": derived.notsent_lowat,
    }


def _number(value: float) -> int | float:
    return int(value) if value == int(value) else value
