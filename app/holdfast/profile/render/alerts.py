"""Thresholds of alerts; the rules themselves are written elsewhere and take their numbers from here."""

from __future__ import annotations

from typing import Final

import yaml

from holdfast.profile.derive import derive
from holdfast.profile.facts import HostFacts
from holdfast.profile.model import Profile
from holdfast.profile.render.heading import heading

MEANINGS: Final = {
    "HoldfastConnectionsHigh": "connections of an instance; at its limit the gateway refuses newcomers",
    "HoldfastDescriptorsHigh": "part of the descriptors of an instance that are open",
    "HoldfastMemoryHigh": "part of an instance's memory limit",
    "HoldfastConntrackHigh": "part of nf_conntrack_max in use",
    "HoldfastSocketMemoryHigh": "part of the last number of tcp_mem in use",
    "HoldfastCpuHigh": "part of a core that an instance uses",
    "HoldfastHandshakeRateHigh": "handshakes a second of an instance; at its limit the gateway refuses newcomers",
    "HoldfastDeliveryRateHigh": "messages a second of an instance, beyond what was planned and headroom",
    "HoldfastSlowReadersHigh": "clients of an instance closed as slow readers within five minutes, as planned at most",
    "HoldfastDrainSlow": "seconds of a drain, of what systemd and Kubernetes wait for",
    "HoldfastAcceptQueueOverflow": "connections dropped because a listen queue was full; above this is a loss",
    "HoldfastProfileDrift": "controls of the profile that a host does not meet",
}
"""What each threshold counts."""


def alerts(profile: Profile, facts: HostFacts) -> str:
    """Return the thresholds by alert, each with what it counts; an alert fires above its number."""
    derived = derive(profile, facts)
    rows = {name: {"above": value, "of": MEANINGS[name]} for name, value in derived.alerts.items()}
    text = yaml.safe_dump({"thresholds": rows}, sort_keys=False, width=200).rstrip()
    return "\n".join([*heading(profile, "alerts"), text]) + "\n"
