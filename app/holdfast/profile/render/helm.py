"""Values for a Helm chart: what a pod can have of the profile, by Kubernetes version."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import yaml

from holdfast.profile.derive import derive
from holdfast.profile.entries import Expectation, select
from holdfast.profile.facts import HostFacts, version_of
from holdfast.profile.model import Profile
from holdfast.profile.render.gateway import gateway_settings
from holdfast.profile.render.heading import heading
from holdfast.profile.render.kernel import settable


def helm(profile: Profile, facts: HostFacts) -> str:
    """Return values: budget of a stop, resources, settings, kernel keys that pods may set."""
    text = yaml.safe_dump(helm_values(profile, facts), sort_keys=False).rstrip()
    return "\n".join([*heading(profile, "helm"), text]) + "\n"


def helm_values(profile: Profile, facts: HostFacts) -> dict[str, Any]:
    """Return the same as nested values."""
    # A node is no gateway host: how many pods it has room for is the scheduler's business.
    derived, intents = derive(profile, replace(facts, roles=frozenset())), profile.intents
    found = settable(select(profile, derived, replace(facts, roles=frozenset({"gateway"}))))
    return {
        "capacity": {
            "connectionsPerPod": derived.connections_per_instance,
            "descriptorsPerPod": derived.descriptors,
        },
        "terminationGracePeriodSeconds": derived.termination_grace,
        # A rollout goes on once a pod was ready so long: one drain at a time.
        "minReadySeconds": max(30, round(derived.propagation_wait + derived.drain_window)),
        "resources": {
            "requests": {"cpu": f"{round(intents.cores_per_instance * 1000)}m", "memory": derived.memory_max_bytes},
            "limits": {"memory": derived.memory_max_bytes},
        },
        "autoscaling": {"targetConnections": round(intents.alert_ratio * 0.875 * derived.connections_per_instance)},
        "podSysctls": {
            "profile": "safe",
            "safe": [_pod_key(one) for one in found if one.pod.access == "safe"],
            "unsafe": [{"name": one.key, "value": str(one.value)} for one in found if one.pod.access == "unsafe"],
        },
        "config": gateway_settings(intents, derived),
    }


def _pod_key(one: Expectation) -> dict[str, str]:
    pod = one.pod
    return {
        "name": one.key,
        "value": str(one.value),
        "since": pod.safe_since or "",
        "kernelMin": pod.kernel_min or "",
        "socketOption": pod.socket_option,
    }


def pod_sysctls(profile: Profile, facts: HostFacts, kubernetes: str) -> dict[str, str]:
    """Return the keys that a pod of this Kubernetes and this node's kernel may set, with their values.

    Raises:
        ValueError: the version is none.
    """
    version, kernel = version_of(kubernetes), version_of(facts.kernel)
    return {
        one["name"]: one["value"]
        for one in helm_values(profile, facts)["podSysctls"]["safe"]
        if version >= version_of(one["since"] or "0.0") and kernel >= version_of(one["kernelMin"] or "0.0")
    }
