"""Values for the chart helm/holdfast: what a pod can have of the profile, by Kubernetes version.

Only numbers that are nowhere else: what the chart can calculate from them (grace, pace of a rollout) it calculates.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import yaml

from holdfast.profile.derive import derive
from holdfast.profile.derived import Derived
from holdfast.profile.entries import Expectation, select
from holdfast.profile.facts import HostFacts, version_of
from holdfast.profile.formulas import MIB
from holdfast.profile.model import Intents, Profile
from holdfast.profile.render.gateway import gateway_settings
from holdfast.profile.render.heading import heading
from holdfast.profile.render.kernel import settable

_TARGET_SHARE: Final = 0.875
"""An autoscaler aims this far below where alerts begin: with alerts at 80 %, at 70 % of what a pod takes."""


def helm(profile: Profile, facts: HostFacts) -> str:
    """Return values: budget of a stop, resources, settings, kernel keys that pods may set."""
    text = yaml.safe_dump(helm_values(profile, facts), sort_keys=False).rstrip()
    return "\n".join([*heading(profile, "helm"), text]) + "\n"


def helm_values(profile: Profile, facts: HostFacts) -> dict[str, Any]:
    """Return the same as nested values."""
    intents = profile.intents
    # A node is no gateway host: how many pods it has room for is the scheduler's business.
    derived = derive(profile, replace(facts, roles=frozenset()))
    found = _pod_keys(profile, facts, derived)
    memory = f"{derived.memory_max_bytes // MIB}Mi"
    return {
        "capacity": {
            "descriptorsPerPod": derived.descriptors,
            "bytesPerConnection": math.ceil(
                intents.measured.process_bytes_per_connection + intents.measured.kernel_bytes_per_connection
            ),
            "instanceBytes": intents.measured.instance_bytes,
            "idleLimitSeconds": math.floor(min(intents.idle_limits.values())),
        },
        "resources": {
            "requests": {"cpu": f"{round(intents.cores_per_instance * 1000)}m", "memory": memory},
            "limits": {"memory": memory},
        },
        "stopMarginSeconds": math.ceil(intents.stop_margin),
        "probes": {
            "readiness": {"periodSeconds": math.ceil(intents.check_interval), "failureThreshold": intents.check_fall}
        },
        "autoscaling": {
            "cpu": {"target": math.floor(100 * intents.cpu_ceiling * _TARGET_SHARE)},
            "connections": {"target": round(intents.alert_ratio * _TARGET_SHARE * derived.connections_per_instance)},
        },
        "podSysctls": {
            "safe": [
                {"name": one.key, "value": str(one.value), "since": one.pod.safe_since or "0.0"}
                for one in found
                if one.pod.access == "safe"
            ],
            "unsafe": [{"name": one.key, "value": str(one.value)} for one in found if one.pod.access == "unsafe"],
        },
        "config": _config(intents, derived),
    }


def _config(intents: Intents, derived: Derived) -> dict[str, Any]:
    settings = gateway_settings(intents, derived)
    # The pod's own limit is what counts; a number here would have to be changed with resources.limits.
    del settings["monitor"]["memory_limit"]
    # Pods come and go by themselves here, and a Service places by chance.
    return settings | {"rebalance": {"mode": "automatic"}}


def _pod_keys(profile: Profile, facts: HostFacts, derived: Derived) -> list[Expectation]:
    return settable(select(profile, derived, replace(facts, roles=frozenset({"gateway"}))))


def pod_sysctls(profile: Profile, facts: HostFacts, kubernetes: str) -> dict[str, str]:
    """Return the keys that a pod of this Kubernetes and this node's kernel may set, with their values.

    Raises:
        ValueError: the version is none.
    """
    version, kernel = version_of(kubernetes), version_of(facts.kernel)
    derived = derive(profile, replace(facts, roles=frozenset()))
    return {
        one.key: str(one.value)
        for one in _pod_keys(profile, facts, derived)
        if one.pod.access == "safe"
        and version >= version_of(one.pod.safe_since or "0.0")
        and kernel >= version_of(one.pod.kernel_min or "0.0")
    }
