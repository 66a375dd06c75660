"""The texts that can be made from a profile, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from holdfast.profile.facts import HostFacts
from holdfast.profile.faults import Fault, ProfileError
from holdfast.profile.model import Profile
from holdfast.profile.render import alerts, capacity, compose, gateway, haproxy, helm, kernel, redis, table, unit

Renderer = Callable[[Profile, HostFacts], str]

RENDERERS: Final[Mapping[str, Renderer]] = {
    "sysctl": kernel.sysctl,
    "modules": kernel.modules,
    "modprobe": kernel.modprobe,
    "unit": unit.unit,
    "haproxy": haproxy.haproxy,
    "redis": redis.redis,
    "sentinel": redis.sentinel,
    "gateway": gateway.gateway,
    "helm": helm.helm,
    "compose": compose.compose,
    "compose-haproxy": compose.compose_haproxy,
    "alerts": alerts.alerts,
    "docs": table.docs,
    "capacity": capacity.capacity,
    "json": table.as_json,
}


def render(target: str, profile: Profile, facts: HostFacts) -> str:
    """Return the text of a target.

    Raises:
        ProfileError: there is no such target, or the profile does not fit the host.
    """
    if target not in RENDERERS:
        text = f"expected one of {', '.join(RENDERERS)}; saw {target!r}"
        raise ProfileError([Fault("target_unknown", text)], "There is no such target")
    return RENDERERS[target](profile, facts)
